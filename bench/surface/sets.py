"""What is reconstructed: real photos where they are on this machine, and scenes whose shapes are known."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from demo import layout
from reconstruction_worker.geometry.mesh import Mesh
from reconstruction_worker.geometry.rendering import Camera

from ..shapes import photos as of_shapes
from ..shapes.shapes import SHAPES
from ..worker_quality.scenes import DATASETS
from . import still_life

WORK = layout.ROOT / "out" / "bench-surface"


@dataclass(frozen=True)
class PhotoSet:
    """Photos with how they are to be used."""

    name: str
    folder: str = ""
    """Below the folder of data sets; empty for scenes that are made here."""
    spec: dict[str, Any] = field(default_factory=dict)
    """What the job asks for beside engine, time and size."""

    write: Callable[[Path], None] | None = None
    """Makes the photos of a scene, with `transforms.json`."""
    known: Callable[[], Mesh] | None = None
    """What of its shape photos show, where it is known."""
    cameras: Callable[[], list[Camera]] | None = None
    """Where the scene's photos were taken from, in the frame of its shape."""
    up: tuple[str, tuple[float, float, float]] | None = None
    """A photo, and the direction of up in it, seen by hand: to its right, to its upper edge, towards the camera."""
    above: float | None = None
    """Height below which a surface is of what it stands on, and is not judged."""

    def photos(self) -> Path | None:
        """Makes or finds them; None where they are not on this machine."""
        if self.folder:
            found = DATASETS / self.folder
            return found if found.is_dir() else None
        made = WORK / f"{self.name}-photos"
        if not (made / "transforms.json").exists():
            shutil.rmtree(made, ignore_errors=True)
            assert self.write is not None
            self.write(made)
        return made


def _of_shape(name: str) -> PhotoSet:
    """A shape of `bench.shapes`, with its background."""
    shape = next(replace(shape, cut_out=False) for shape in SHAPES if shape.name == name)
    return PhotoSet(
        name,
        write=partial(of_shapes.write, shape),
        known=partial(of_shapes.shown, shape),
        cameras=partial(of_shapes.cameras, shape),
    )


SETS = (
    PhotoSet("monstree", "monstree", up=("IMG_1025", (0.0, 0.96, 0.27))),  # the horizon is 15 degrees above the middle
    PhotoSet("dino", "dino", up=("dino0100", (0.96, 0.0, 0.27))),  # it stands on its foot, at the left side
    PhotoSet("beach", "drone_brighton_beach/images_960"),
    PhotoSet("lund", "opensfm_lund/images_960"),
    PhotoSet(
        "still-life",
        write=still_life.write,
        known=still_life.shown,
        cameras=still_life.cameras,
        above=still_life.HIDDEN_BELOW,
    ),
    *map(_of_shape, ("facade", "room", "concave", "face")),
)
