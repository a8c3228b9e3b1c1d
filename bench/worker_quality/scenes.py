"""What is reconstructed: a synthetic object, the demo's photos, and real photos where they are on this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from demo import layout, preparation

from .synthetic import write_object

WORK = layout.ROOT / "out" / "bench-worker"
DATASETS = Path(os.environ.get("RECONSTRUCTION_DATASETS", layout.ROOT.parent / "shared" / "datasets"))


@dataclass(frozen=True)
class Scene:
    """Photos with how they are to be used."""

    name: str
    title: str
    photos: Callable[[], Path | None]
    """Makes or finds the folder; None when it is not on this machine."""
    seconds: float
    """Of training."""
    max_side: int = 1600
    """Longer side of the photos that are trained on, in pixels."""
    poses_max_side: int | None = None
    """Of the photos whose camera poses are estimated to judge the estimate; None: those that are trained on."""


def synthetic() -> Path:
    """32 photos of 100 x 100 to train on and 6 to judge by, in poses that are known."""
    folder = WORK / "object-photos"
    if not (folder / "transforms.json").exists():
        shutil.rmtree(folder, ignore_errors=True)
        write_object(folder)
    return folder


def demo() -> Path:
    preparation.photos()
    return layout.PHOTOS


def dataset(name: str) -> Callable[[], Path | None]:
    def find() -> Path | None:
        folder = DATASETS / name / "images_960"
        return folder if folder.is_dir() else None

    return find


SCENES = (
    Scene("object", "synthetic object, 32 photos of 100 x 100, known poses", synthetic, 100),
    Scene("demo", "the demo's face, 40 photos of 480 x 480", demo, 100),
    Scene("drone", "a beach from the air, 18 photos at 480 pixels", dataset("drone_brighton_beach"), 100, 480, 960),
    Scene("lund", "a street, 29 photos at 480 pixels", dataset("opensfm_lund"), 100, 480, 960),
)
