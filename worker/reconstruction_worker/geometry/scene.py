"""The posed photos, as the stage `poses` left them."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..stage_files import TRANSFORMS
from .rendering import Camera


@dataclass(frozen=True)
class View:
    """A photo with the camera that took it."""

    name: str
    camera: Camera
    image: Path
    usable: bool = True
    """False where the background is in the photo, although masks take it away from the others."""

    def photo(self) -> NDArray[np.uint8]:
        """The photo as RGBA; opaque where it has no alpha channel. [H, W, 4]"""
        with Image.open(self.image) as image:
            return np.array(image.convert("RGBA"))


@dataclass(frozen=True)
class Scene:
    """What was photographed. Lengths in world units."""

    views: tuple[View, ...]
    bounded: bool
    """One object apart from its background, inside the box."""
    box: NDArray[np.float64]  # [2, 3] lower and upper corner
    near: float
    far: float
    metres_per_unit: float | None
    witnesses: int = 2
    """Cameras that must have seen a point of the surface: one where every photo is the only one of its side."""

    def only(self, names: Collection[str]) -> Scene:
        """The scene with the named views only, in the scene's order."""
        wanted = set(names)
        return replace(self, views=tuple(view for view in self.views if view.name in wanted))


NOWHERE: Final = Scene(
    (), bounded=True, box=np.array([[-1.0] * 3, [1.0] * 3]), near=0.1, far=10.0, metres_per_unit=None
)
"""Without photos."""


def load_scene(workspace: Path) -> Scene:
    """Read `poses/transforms.json`."""
    document = json.loads((workspace / "poses" / TRANSFORMS).read_text(encoding="utf-8"))
    scene = document["scene"]
    return Scene(
        views=tuple(_view(workspace, document, frame) for frame in document["frames"]),
        bounded=scene["kind"] == "bounded",
        box=np.asarray(scene["box"], np.float64),
        near=float(scene["near"]),
        far=float(scene["far"]),
        metres_per_unit=document.get("metresPerUnit"),
        witnesses=2 if document.get("canHoldOut", True) else 1,
    )


def _view(workspace: Path, document: dict[str, Any], frame: dict[str, Any]) -> View:
    intrinsics = {**document, **frame}
    camera = Camera(
        camera_to_world=np.asarray(frame["transform_matrix"], np.float64),
        fx=float(intrinsics["fl_x"]),
        fy=float(intrinsics["fl_y"]),
        cx=float(intrinsics["cx"]),
        cy=float(intrinsics["cy"]),
        width=int(intrinsics["w"]),
        height=int(intrinsics["h"]),
    )
    image = workspace / frame["file_path"]
    return View(image.name, camera, image, frame.get("hasAlpha", True))
