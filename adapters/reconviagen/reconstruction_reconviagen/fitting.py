"""Photos of one object to a mesh and Gaussians: cuts out the object, runs the networks, places what they have made."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from reconstruction_api.engines import EngineSpec
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.metric_names import Metric
from reconstruction_api.training import HoldOut
from reconstruction_worker.engines.engine_document import FILE, EngineDocument
from reconstruction_worker.engines.foreign.program import Program
from reconstruction_worker.engines.result_files import write_gaussians, write_surface
from reconstruction_worker.engines.training.posed_photos import PosedPhoto, read_scene
from reconstruction_worker.engines.training.split import FILE as SPLIT_FILE
from reconstruction_worker.engines.training.split import Split, split_of
from reconstruction_worker.files import empty_folder, write_document
from reconstruction_worker.geometry.coloured_mesh import ColouredMesh
from reconstruction_worker.geometry.mesh import Mesh
from reconstruction_worker.stage import StageContext, StageOutput
from reconstruction_worker.weights.checking import checked
from reconstruction_worker.weights.known import of_engine

from .made import UNPOSED, Made, read_made
from .pictures import pictures_of, posed_rgba, unposed_rgba

PROGRAM: Final = Program(
    "reconviagen",
    "trellis/pipelines/trellis_image_to_3d.py",
    Path(__file__).with_name("network_program.py").resolve(),
)
STRUCTURE: Final = {
    "steps": 30,
    "cfg_strength": 7.5,
    "cfg_interval": [0.6, 1.0],
    "guidance_rescale": 0.7,
    "rescale_t": 5.0,
}
LATENT: Final = {
    "steps": 12,
    "cfg_strength": 7.5,
    "cfg_interval": [0.6, 1.0],
    "guidance_rescale": 0.5,
    "rescale_t": 3.0,
}
"""Settings of the two samplings: where there is something, and what it looks like; upstream's own."""
WORK: Final = "reconviagen"
RESULT: Final = "result.npz"
MOST_FACES: Final = 300_000
LEAST_AGREEMENT: Final = 0.7
"""Of silhouettes with masks (IoU): below, the shape is not that of the object in the photos."""
MEASURED: Final = 6000
"""Points of depth maps, in all photos together, that a shape is drawn to."""
READS: Final = 9
"""Networks that are read."""
BEGINS, SAMPLES, ENDS = 5.0, 30.0, 75.0
"""Percentages of the stage at which networks are read, the first sampling begins, and the second ends."""
_STEP: Final = re.compile(r"(structure|latent)=(\d+) of=(\d+)$")


@dataclass(frozen=True)
class _Input:
    photos: dict[str, NDArray[np.uint8] | None]
    """[H, W, 4] by name; None without a mask."""
    posed: list[PosedPhoto]
    """The same; none where nobody knows where the photos were taken from."""
    split: Split


def fit(context: StageContext, spec: EngineSpec) -> StageOutput:
    """Raises GPUUnavailable, WeightsUnavailable, EngineUnavailable, InvalidSpec, PoseEstimationFailed, EmptyMesh,
    TrainingDiverged, and what the program's end means."""
    from reconstruction_worker.engines.training.device import choose_device

    device = choose_device(context.spec.training.device, spec)  # before anything is made or loaded
    weights = checked(of_engine(spec, spec.weights[0]))
    PROGRAM.require()
    began = time.monotonic()
    given = _input(context)
    _check_count(len(given.photos), spec)
    work = context.folder / WORK
    empty_folder(work)
    context.advance(1, "cutting out the object for ReconViaGen")
    np.save(work / "pictures.npy", pictures_of(given.photos))
    _run(context, work, {"weights": str(weights), "device": str(device), "seed": context.spec.training.seed})
    made, agreement = _placed(context, read_made(work / RESULT), given.posed)
    surface = _coloured(context, made)
    write_document(context.folder / SPLIT_FILE, given.split)
    write_surface(context.folder, surface)
    write_gaussians(context.folder, made.gaussians)
    settings = {
        "photos": list(given.photos),
        "structureSteps": STRUCTURE["steps"],
        "latentSteps": LATENT["steps"],
        "gaussians": len(made.gaussians),
        "silhouettes": None if agreement is None else round(agreement, 4),
    }
    write_document(
        context.folder / FILE,
        EngineDocument(engine=spec.name, licence=spec.licence, device=str(device), settings=settings),
    )
    shutil.rmtree(work)
    place = "in its own pose" if agreement is None else f"its silhouettes are those of the masks by {agreement:.0%}"
    return StageOutput(
        f"ReconViaGen: {len(surface.mesh.faces)} triangles and {len(made.gaussians)} Gaussians from "
        f"{len(given.photos)} photos, {place}, in {time.monotonic() - began:.0f} s",
        {Metric.HELD_OUT_IMAGES: len(given.split.held_out), Metric.DEVICE: "CUDA"},
    )


def _input(context: StageContext) -> _Input:
    """The photos to look at: those that have poses and are not held out, or all where no poses are wanted."""
    scene = read_scene(context.workspace)
    if not scene.photos:
        photos = unposed_rgba(context.workspace)
        return _Input(photos, [], Split(train=tuple(photos), held_out=()))
    split = split_of(scene, hold_out=context.spec.training.hold_out is not HoldOut.NONE)
    posed = [scene.photo(name) for name in split.train]
    return _Input({photo.name: posed_rgba(photo) for photo in posed}, posed, split)


def _check_count(count: int, spec: EngineSpec) -> None:
    """Photos that could not be placed may leave too few, although there were enough. Raises ImageCountOutOfRange."""
    if not spec.min_images <= count <= spec.max_images:
        raise ReconstructionError(
            "ImageCountOutOfRange",
            f"The engine {spec.name} takes {spec.min_images} to {spec.max_images} photos; {count} are there for it.",
            suggestion="Add photos, or set spec.poses.method to None: this engine needs no poses.",
            details={"images": count, "minimum": spec.min_images, "maximum": spec.max_images},
        )


def _run(context: StageContext, work: Path, more: dict[str, Any]) -> None:
    job = {"pictures": "pictures.npy", "structure": STRUCTURE, "latent": LATENT, "out": RESULT, **more}
    (work / "job.json").write_text(json.dumps(job, indent=1))
    total, read = STRUCTURE["steps"] + LATENT["steps"], 0

    def heard(line: str) -> None:
        nonlocal read
        if found := _STEP.search(line):  # upstream's bar of progress may stand before it
            done = int(found[2]) + (STRUCTURE["steps"] if found[1] == "latent" else 0)
            percent = SAMPLES + (ENDS - SAMPLES) * done / total
            context.report_progress(percent, f"ReconViaGen: {found[1]}, step {found[2]} of {found[3]}")
        elif line.startswith("reading "):
            read += 1
            percent = BEGINS + (SAMPLES - BEGINS) * min(read / (READS + 1), 1.0)
            context.report_progress(percent, f"ReconViaGen: {line}")

    PROGRAM.run(context, ["job.json"], work, heard)


def _placed(context: StageContext, made: Made, posed: Sequence[PosedPhoto]) -> tuple[Made, float | None]:
    """In the world: where the photos with poses show it, and by what share silhouettes are the masks; without poses as
    the networks have it. Raises PoseEstimationFailed."""
    from reconstruction_worker.geometry.silhouette_fit import fit_to_points, fit_to_silhouettes, silhouette_agreement
    from reconstruction_worker.geometry.surface import decimated

    made = replace(made, mesh=decimated(made.mesh, MOST_FACES))
    if not posed:
        return made.moved(UNPOSED), None
    context.advance(ENDS, "finding the object's pose by its silhouettes")
    cameras = [photo.camera for photo in posed]
    masks = [photo.pixels()[..., 3] >= 128 for photo in posed]
    found = fit_to_silhouettes(made.mesh, cameras, masks)
    world, agreement = found.world, found.agreement
    measured = _measured(posed)
    if len(measured):
        drawn = fit_to_points(made.mesh, world, measured)
        better = silhouette_agreement(made.mesh, drawn, cameras, masks)
        if better >= agreement - 0.01:
            world, agreement = drawn, better
    if agreement < LEAST_AGREEMENT:
        raise ReconstructionError(
            "PoseEstimationFailed",
            f"What ReconViaGen has made fits none of the camera poses: its silhouettes are those of the masks by "
            f"{agreement:.0%} at most.",
            suggestion="Check the camera poses and masks, set spec.poses.method to None, or choose another engine.",
            details={"engine": "reconviagen", "silhouettes": round(agreement, 4)},
        )
    return made.moved(world), agreement


def _measured(posed: Sequence[PosedPhoto]) -> NDArray[np.float64]:
    """Places of the object that depth maps show, in the world [N, 3]; none unless all photos have a map."""
    from reconstruction_worker.engines.depth_fusion.measured_maps import measured_maps
    from reconstruction_worker.geometry.cameras import pixel_rays

    if any(photo.depth is None for photo in posed):
        return np.zeros((0, 3))
    places = []
    for one in measured_maps(posed):
        row, column = np.nonzero((one.distance > 0) & (one.alpha > 0))
        some = np.linspace(0, len(row) - 1, min(len(row), MEASURED // len(posed))).astype(int)
        rays = pixel_rays(one.camera)[row[some], column[some]]
        places.append(one.camera.camera_to_world[:3, 3] + rays * one.distance[row[some], column[some], None])
    return np.concatenate(places)


def _coloured(context: StageContext, made: Made) -> ColouredMesh:
    """The mesh in the colours that the Gaussians show from all sides."""
    from reconstruction_worker.engines.depth_fusion.colours import vertex_colours
    from reconstruction_worker.engines.gaussians.shown import field_of
    from reconstruction_worker.geometry.scene import NOWHERE
    from reconstruction_worker.geometry.stand_ins import with_stand_ins

    mesh: Mesh = made.mesh

    def progress(percent: float) -> None:
        context.advance(85 + 0.1 * percent, "colours of the Gaussians")

    shown = with_stand_ins(replace(NOWHERE, box=mesh.bounds()), field_of(made.gaussians), progress)
    return ColouredMesh(mesh, vertex_colours(mesh, shown.views))
