"""The photos in the size that they came in, as pictures of the views that were made from them, for the texture.

Each is read when it is needed and in no larger size than is needed, and is freed of its lens's distortion strip by
strip: the pinhole camera is that of the smaller photo with more pixels, so poses and lenses hold as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reconstruction_api.stages import StageName

from .geometry.rendering import Camera
from .geometry.scene import View
from .poses.saved_model import FILE as CAMERAS
from .poses.saved_model import read_model
from .poses.undistort import Undistorter
from .stage import folder_of
from .stage_files import ORIGINALS

ROWS: Final = 64
"""Of a strip: what is held beside the photo and the picture made of it is as small as that."""
ENOUGH: Final = 1.25
"""Pixels for a texel's side, from which more pixels would only be averaged."""
WORTH: Final = 1.05
"""Factor of the size from which a larger photo is read."""


@dataclass(frozen=True)
class OriginalPhoto:
    """A photo in its own size. Implements `bake.Finer`."""

    file: Path
    camera: Camera
    """Of the picture that was trained on."""
    undistorter: Undistorter
    """Made for that size."""
    stored: tuple[int, int]
    """Width and height of the photo before it was freed of distortion, as it was trained on."""
    size: tuple[int, int]
    """Its own."""

    @property
    def factor(self) -> float:
        return self.size[0] / self.stored[0]

    def at(self, pixels_per_unit: float, distance: float) -> tuple[Camera, NDArray[np.uint8]] | None:
        """See `bake.Finer`."""
        factor = min(self.factor, ENOUGH * pixels_per_unit * distance / self.camera.fx)
        return None if factor < WORTH else self.scaled(factor)

    def scaled(self, factor: float) -> tuple[Camera, NDArray[np.uint8]]:
        """The picture [H, W, 3] of a camera with `factor` times as many pixels a side."""
        camera = self.camera.scaled(factor)
        wanted = round(self.stored[0] * factor), round(self.stored[1] * factor)
        with Image.open(self.file) as image:
            image.draft("RGB", wanted)
            photo = pixels_of(image)
        image.close()  # the pixels that Pillow holds too
        if wanted[0] < photo.shape[1]:
            photo = np.asarray(cv2.resize(photo, wanted, interpolation=cv2.INTER_AREA), np.uint8)
        if self.undistorter.keeps_pixels and (photo.shape[1], photo.shape[0]) == (camera.width, camera.height):
            return camera, photo
        return camera, self._straightened(photo, camera)

    def _straightened(self, photo: NDArray[np.uint8], camera: Camera) -> NDArray[np.uint8]:
        picture = np.empty((camera.height, camera.width, 3), np.uint8)
        across = (np.arange(camera.width) + 0.5) * (self.camera.width / camera.width)
        for top in range(0, camera.height, ROWS):
            down = (np.arange(top, min(top + ROWS, camera.height)) + 0.5) * (self.camera.height / camera.height)
            column, row, (width, height) = self._source(across, down)
            column = (column * (photo.shape[1] / width) - 0.5).astype(np.float32)
            row = (row * (photo.shape[0] / height) - 0.5).astype(np.float32)
            strip = cv2.remap(photo, column, row, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
            picture[top : top + len(down)] = strip
        return picture

    def _source(
        self, across: NDArray[np.floating], down: NDArray[np.floating]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[int, int]]:
        columns, rows = np.meshgrid(across, down)
        return self.undistorter.pixels(columns.astype(np.float64), rows.astype(np.float64))


def pixels_of(image: Image.Image) -> NDArray[np.uint8]:
    """Colours [H, W, 3], copied strip by strip: all at once, Pillow would hold the photo three times."""
    image.load()
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, ROWS):
        strip = image.crop((0, top, image.width, min(top + ROWS, image.height)))
        pixels[top : top + ROWS] = np.asarray(strip if strip.mode == "RGB" else strip.convert("RGB"))
    return pixels


@dataclass(frozen=True)
class Originals:
    """Those that are there, by the views' names."""

    photos: dict[str, OriginalPhoto]
    missing: int
    """Views whose photos were made smaller and whose originals are not there."""

    def note(self) -> str | None:
        """What to say of those that are missing."""
        if not self.missing:
            return None
        which = "the originals" if not self.photos else f"{self.missing} originals"
        return (
            f"{which} are not in the workspace, so the photos as they were trained on count "
            "(spec.redo.ingest reads them again)"
        )


def original_photos(workspace: Path, views: Iterable[View]) -> Originals:
    """The originals of photos that were made smaller for training."""
    from .poses.dataset_photos import dataset_file, read_dataset

    found, missing = dict[str, OriginalPhoto](), 0
    if not dataset_file(workspace).exists():
        return Originals(found, missing)
    stored = {Path(image.name).stem: image for image in read_dataset(workspace).images}
    lenses = _lenses(folder_of(workspace, StageName.POSES) / CAMERAS)
    for view in views:
        stem = Path(view.name).stem
        image = stored.get(stem)
        if image is None or max(image.original.width, image.original.height) <= max(image.width, image.height):
            continue
        file = workspace / ORIGINALS / f"{stem}.jpg"
        size = _size(file)
        lens = lenses.get(stem)
        if size is None or lens is None or size[0] <= image.width:
            missing += 1
            continue
        found[view.name] = OriginalPhoto(file, view.camera, lens, (image.width, image.height), size)
    return Originals(found, missing)


def _lenses(file: Path) -> dict[str, Undistorter]:
    """For each photo, by its name without suffix, what frees it of distortion; none where nobody knows."""
    try:
        model = read_model(file)
    except (OSError, ValueError):
        return {}
    made = {number: Undistorter(camera) for number, camera in model.cameras.items()}
    return {Path(shot.name).stem: made[shot.camera_id] for shot in model.shots}


def _size(file: Path) -> tuple[int, int] | None:
    """Width and height of a photo; None where it is not there, or is damaged."""
    try:
        with Image.open(file) as image:
            return image.size
    except OSError:
        return None
