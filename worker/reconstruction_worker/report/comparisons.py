"""Photos beside what the result shows from the same place: the page lays one over the other."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reconstruction_api.documents.quality import QualityDocument
from reconstruction_api.engines import Makes
from reconstruction_api.stages import StageName

from ..geometry.render import Picture, over
from ..geometry.rendering import Camera
from ..geometry.scene import Scene
from .decimals import number
from .findings import Document, Findings
from .inline_pictures import jpeg_url

PIXELS: Final = 8_000_000
"""Of all pictures together; fewer views get larger ones."""
LARGEST, SMALLEST = 640, 160
"""Longer side of a picture, in pixels."""
LABELS: Final = {Makes.FIELD: "Trained scene", Makes.GAUSSIANS: "Splats", Makes.MESH: "Mesh"}
"""What an engine makes, as `evaluate` has rendered it."""
_WHITE: Final = np.ones(3)


def comparisons(
    findings: Findings, quality: QualityDocument, makes: Makes, scene: Scene, draw: Callable[[Camera], Picture]
) -> list[Document]:
    """For each view that was compared, the worst first: its numbers, and `pictures` with `kind`, `label` and `url`: the
    photo, what was trained, the textured mesh and where the first two differ. `draw` draws the mesh for a camera of
    `scene`. None where the photos are not to be shown."""
    folder = findings.folder(StageName.EVALUATE) / "views"
    cameras = {view.name: view.camera for view in scene.views}
    views = [view for view in quality.views if _file(folder, view.name, "photo") is not None]
    side = _side(len(views), with_mesh=makes is not Makes.MESH)
    found: list[Document] = []
    for view in sorted(views, key=lambda view: view.psnr):
        pictures = [_stored(folder, view.name, kind, label, side) for kind, label in _kinds(makes)]
        if makes is not Makes.MESH and view.name in cameras:
            pictures.insert(2, _drawn(cameras[view.name], draw, side))
        found.append(
            {
                "name": view.name,
                "psnr": number(view.psnr, 2),
                "ssim": number(view.ssim, 3),
                "pictures": [picture for picture in pictures if picture is not None],
            }
        )
    return found


def _kinds(makes: Makes) -> tuple[tuple[str, str], ...]:
    return ("photo", "Photo"), ("render", LABELS[makes]), ("error", "Difference")


def _side(views: int, *, with_mesh: bool) -> int:
    """Longer side in pixels of pictures of 3:2."""
    pictures = max(views, 1) * (4 if with_mesh else 3)
    return int(min(max(math.sqrt(1.5 * PIXELS / pictures), SMALLEST), LARGEST))


def _stored(folder: Path, name: str, kind: str, label: str, side: int) -> Document | None:
    path = _file(folder, name, kind)
    if path is None:
        return None
    with Image.open(path) as picture:
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
        return {"kind": kind, "label": label, "url": jpeg_url(picture, quality=80)}


def _drawn(camera: Camera, draw: Callable[[Camera], Picture], side: int) -> Document:
    small = camera.scaled(min(1.0, side / max(camera.width, camera.height)))
    picture: NDArray[np.uint8] = over(draw(small), _WHITE)
    return {"kind": "mesh", "label": "Mesh", "url": jpeg_url(Image.fromarray(picture), quality=80)}


def _file(folder: Path, name: str, kind: str) -> Path | None:
    """`evaluate` names its pictures after the photos' files."""
    return next((path for stem in (name, Path(name).stem) if (path := folder / f"{stem}.{kind}.jpg").exists()), None)
