"""From posed photos with depth maps to a coloured surface and Gaussians."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reconstruction_api.engines import EngineSpec
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.metric_names import Metric
from reconstruction_api.training import HoldOut

from ...files import write_document
from ...geometry.coloured_mesh import ColouredMesh
from ...geometry.scene import View
from ...geometry.surface_bounds import surface_bounds
from ...stage import StageContext, StageOutput
from ..engine_document import FILE, EngineDocument
from ..result_files import write_gaussians, write_surface
from ..training.posed_photos import PosedPhoto, Scene
from ..training.split import FILE as SPLIT_FILE
from ..training.split import Split, split_of
from .alignment import Aligned, aligned
from .colours import vertex_colours
from .measured_maps import measured_maps
from .pixel_gaussians import pixel_gaussians
from .surface import Surface, surface_of

WITNESSES = 1
"""Depth maps that must show a place: they were measured, and each may be the only one of its side."""


@dataclass(frozen=True)
class Fused:
    """What depth maps were brought to agree on."""

    scene: Scene
    split: Split
    aligned: Aligned
    size: float
    """Longest side of what the maps show, in world units."""

    @property
    def disagreement(self) -> float | None:
        """Of maps where they overlap, as a share of the size; None where none do."""
        found = self.aligned.disagreement
        return None if found is None else found / self.size

    @property
    def said(self) -> str:
        """The maps and how well they agree, for people."""
        count = len(self.aligned.maps)
        if self.disagreement is None:
            return f"{count} depth maps, of which no two show the same"
        return f"{count} depth maps, which differ by {self.disagreement:.2%} of the size where two show the same"


def fused(context: StageContext, scene: Scene) -> Fused:
    """Read and align the maps. Raises DepthInvalid where one is missing, and EmptyMesh where they show nothing."""
    split = split_of(scene, hold_out=context.spec.training.hold_out is not HoldOut.NONE)
    photos = [scene.photo(name) for name in split.train]
    _require_maps(photos)
    context.advance(0, f"reading {len(photos)} depth maps")
    maps = measured_maps(photos)
    bounds = surface_bounds(maps, scene.box)
    if bounds is None:
        raise ReconstructionError("EmptyMesh", "The depth maps show nothing inside the scene's box.")
    size = float(np.ptp(bounds, axis=0).max())
    context.advance(15, "aligning depth maps")
    return Fused(scene, split, aligned(maps, size), size)


def written(context: StageContext, fused: Fused, spec: EngineSpec) -> StageOutput:
    """Fuse the aligned maps, and leave the surface, its Gaussians, `split.json` and `engine.json`. Raises EmptyMesh."""
    started = time.monotonic()
    scene, found = fused.scene, fused.aligned
    context.advance(30, "fusing depth maps")
    views = [_view(scene.photo(name)) for name in fused.split.train]
    surface = surface_of(
        found.maps, views, scene.box, found.disagreement or 0.0, bounded=scene.bounded, witnesses=WITNESSES
    )
    context.advance(60, "colouring the surface")
    coloured = ColouredMesh(surface.mesh, vertex_colours(surface.mesh, views))
    context.advance(80, "laying Gaussians on the surface")
    gaussians = pixel_gaussians(coloured, views)
    context.folder.mkdir(parents=True, exist_ok=True)
    write_document(context.folder / SPLIT_FILE, fused.split)
    write_surface(context.folder, coloured)
    write_gaussians(context.folder, gaussians)
    write_document(
        context.folder / FILE,
        EngineDocument(engine=spec.name, licence=spec.licence, device="cpu", settings=_settings(fused, surface)),
    )
    seconds = time.monotonic() - started
    return StageOutput(
        f"{fused.said}, fused to {len(surface.mesh.faces)} triangles in {seconds:.0f} s",
        {Metric.HELD_OUT_IMAGES: len(fused.split.held_out), Metric.DEVICE: "CPU"},
    )


def _settings(fused: Fused, surface: Surface) -> dict[str, object]:
    found, count = fused.aligned, len(fused.split.train)
    return {
        "maps": count,
        "disagreement": None if fused.disagreement is None else round(fused.disagreement, 5),
        "overlap": round(found.overlap, 3),
        "voxel": surface.voxel,
        "offsets": {
            name: round(float(offset) / fused.size, 5)
            for name, offset in zip(fused.split.train, found.offsets, strict=True)
        },
        "stretches": {
            name: round(float(stretch), 4) for name, stretch in zip(fused.split.train, found.stretches, strict=True)
        },
    }


def _view(photo: PosedPhoto) -> View:
    return View(photo.name, photo.camera, photo.file, photo.usable)


def _require_maps(photos: Sequence[PosedPhoto]) -> None:
    missing = [photo.name for photo in photos if photo.depth is None]
    if missing:
        shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        raise ReconstructionError(
            "DepthInvalid",
            f"The engine depth-fusion needs a depth map for each photo; there is none that fits for {shown}.",
            suggestion="Add the missing maps, or choose an engine that needs none, such as nerfacto or splats.",
            details={"missing": missing[:100]},
        )
