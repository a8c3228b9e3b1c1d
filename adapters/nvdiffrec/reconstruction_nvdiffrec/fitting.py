"""Posed photos with masks to a mesh: writes the program's input, runs it, reads its result."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from reconstruction_api.engines import EngineSpec
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.metric_names import Metric
from reconstruction_api.training import HoldOut, TrainingPreset
from reconstruction_worker.engines.engine_document import FILE, EngineDocument
from reconstruction_worker.engines.foreign.program import Program
from reconstruction_worker.engines.result_files import write_surface
from reconstruction_worker.engines.training.posed_photos import PosedPhoto, Scene, read_scene
from reconstruction_worker.engines.training.split import FILE as SPLIT_FILE
from reconstruction_worker.engines.training.split import split_of
from reconstruction_worker.files import empty_folder, write_document
from reconstruction_worker.geometry.atlas import unwrap
from reconstruction_worker.geometry.mesh import Mesh
from reconstruction_worker.stage import StageContext, StageOutput

from .beginning import beginning_of, views_of
from .input_folder import CommonLens, write_input
from .mesh_files import read_mesh, write_base

PROGRAM: Final = Program("nvdiffrec", "train.py")
STEPS: Final = {TrainingPreset.PRODUCTION: 5000, TrainingPreset.DEVELOPMENT: 1000}
TEXTURE: Final = 1024
BASE_FACES: Final = 60_000
WORK: Final = "nvdiffrec"
"""Folder of the stage's, with what goes in and comes out."""
_LINE: Final = re.compile(r"iter=\s*(\d+), img_loss=(\S+),")
BEGINS, ENDS = 20.0, 95.0
"""Percentages of the stage between which the program runs."""


def fit(context: StageContext, spec: EngineSpec) -> StageOutput:
    """Raises GPUUnavailable, EngineUnavailable, InvalidSpec, and what the program's end means."""
    from reconstruction_worker.engines.training.device import choose_device

    choose_device(context.spec.training.device, spec)  # before anything is made or loaded
    PROGRAM.require()
    began = time.monotonic()
    scene = read_scene(context.workspace)
    _require_masks(scene)
    split = split_of(scene, hold_out=context.spec.training.hold_out is not HoldOut.NONE)
    work = context.folder / WORK
    empty_folder(work)
    context.advance(1, "writing the photos for nvdiffrec")
    train = [scene.photo(name) for name in split.train]
    lens = write_input(work / "photos", train, [scene.photo(name) for name in split.held_out])
    start = beginning_of(context, scene, train)
    base = None if start.mesh is None else _base(context, start.mesh, train, work / "base")
    steps = context.spec.training.steps or STEPS[context.spec.training.chosen_preset]
    _run(context, work, configuration(lens, steps, base), steps)
    context.advance(ENDS, "reading what nvdiffrec has made")
    made = read_mesh(work / "out" / "result" / "mesh" / "mesh.obj")
    settings = {
        "steps": steps,
        "baseMesh": base is not None,
        "beginning": start.words,
        "focal": round(lens.focal, 3),
    }
    _keep(context, made, spec, settings, split)
    seconds = time.monotonic() - began
    return StageOutput(
        f"nvdiffrec: {len(made.mesh.faces)} triangles after {steps} steps, {start.words}, in {seconds:.0f} s",
        {Metric.HELD_OUT_IMAGES: len(split.held_out), Metric.DEVICE: "CUDA"},
    )


def configuration(lens: CommonLens, steps: int, base: Path | None) -> dict[str, Any]:
    """For the program's `--config`; paths are relative to the folder that it runs in."""
    return {
        "ref_mesh": "photos",
        "iter": steps,
        "batch": 1,
        "train_res": [lens.height, lens.width],
        "texture_res": [TEXTURE, TEXTURE],
        "background": "white",
        "save_interval": 0,
        "display_interval": 0,
        "validate": False,
        "mesh_scale": 2.1,
        "dmtet_grid": 64,
        "laplace_scale": 3000,
        "learning_rate": 0.03 if base is None else 0.01,
        "ks_min": [0.0, 0.08, 0.0],
        "out_dir": "result",
        **({"base_mesh": str(base)} if base is not None else {}),
    }


def _run(context: StageContext, work: Path, settings: dict[str, Any], steps: int) -> None:
    (work / "job.json").write_text(json.dumps(settings, indent=1))
    if (data := PROGRAM.folder / "data").is_dir():  # looked for in the folder that it runs in
        (work / "data").symlink_to(data)

    def heard(line: str) -> None:
        if (found := _LINE.search(line)) is None:
            return
        step, loss = int(found[1]), float(found[2])
        if not np.isfinite(loss):
            raise ReconstructionError("TrainingDiverged", f"The loss of nvdiffrec is {loss} at step {step}.")
        percent = BEGINS + (ENDS - BEGINS) * min(step / steps, 1.0)
        context.report_progress(percent, f"nvdiffrec: step {step} of {steps}, loss {loss:.4f}")

    PROGRAM.run(context, ["--config", "job.json"], work, heard)


def _base(context: StageContext, mesh: Mesh, train: list[PosedPhoto], folder: Path) -> Path:
    """The mesh from where the program goes on, as it reads one."""
    from reconstruction_worker.engines.depth_fusion.colours import vertex_colours
    from reconstruction_worker.geometry.surface import decimated

    if len(mesh.faces) > BASE_FACES:
        mesh = decimated(mesh, BASE_FACES)
    context.advance(BEGINS - 5, "laying out the surface for nvdiffrec")
    path = write_base(folder, unwrap(mesh, TEXTURE), vertex_colours(mesh, views_of(train)), TEXTURE)
    return path.relative_to(folder.parent)


def _require_masks(scene: Scene) -> None:
    if not scene.bounded:
        raise ReconstructionError(
            "InvalidSpec",
            "The engine nvdiffrec needs photos of one object with masks.",
            suggestion="Add masks (spec.images.masks), or choose splats or nerfacto.",
        )


def _keep(context: StageContext, made: Any, spec: EngineSpec, settings: dict[str, Any], split: Any) -> None:
    write_document(context.folder / SPLIT_FILE, split)
    write_surface(context.folder, made)
    write_document(
        context.folder / FILE, EngineDocument(engine=spec.name, licence=spec.licence, device="cuda", settings=settings)
    )
