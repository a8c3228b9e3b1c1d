"""The photos as nvdiffrec reads them: a NeRF data set of one lens, one size, with alpha.

Its cameras have their centre in the middle of the picture and one angle of view for all, so photos are cut out anew;
poses are camera-to-world, OpenGL axes, z up, as transforms.json has them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reconstruction_worker.engines.training.posed_photos import PosedPhoto

LONG_SIDE: Final = 512
"""Pixels; what its published settings train at."""
MULTIPLE: Final = 8
"""Of pixels that sides are."""
TRAIN, TEST = "train", "test"


@dataclass(frozen=True)
class CommonLens:
    """One pinhole for all photos, its centre in the middle."""

    focal: float
    width: int
    height: int

    @classmethod
    def of(cls, photos: Sequence[PosedPhoto]) -> CommonLens:
        """That which loses nothing of the photo with the widest view."""
        widest = min(photos, key=lambda photo: photo.camera.fx / photo.camera.width).camera
        factor = min(1.0, LONG_SIDE / max(widest.width, widest.height))
        width, height = (
            max(MULTIPLE, round(side * factor / MULTIPLE) * MULTIPLE) for side in (widest.width, widest.height)
        )
        return cls(widest.fx * width / widest.width, width, height)

    @property
    def angle(self) -> float:
        """Of view across the width, in radians."""
        return 2 * math.atan(self.width / (2 * self.focal))

    def picture(self, photo: PosedPhoto) -> NDArray[np.uint8]:
        """What this lens would have seen from the photo's place: [height, width, 4]."""
        pixels, camera = photo.pixels(), photo.camera
        if pixels.shape[2] == 3:
            pixels = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
        x, y = self.focal / camera.fx, self.focal / camera.fy
        # Coordinates count from the corner of the upper left pixel, OpenCV's from its middle.
        move = np.array(
            [
                [x, 0, self.width / 2 - x * camera.cx + (x - 1) / 2],
                [0, y, self.height / 2 - y * camera.cy + (y - 1) / 2],
            ]
        )
        size = (self.width, self.height)
        seen = cv2.warpAffine(
            pixels, move, size, flags=cv2.INTER_AREA if x < 1 else cv2.INTER_CUBIC, borderValue=(0, 0, 0, 0)
        )
        return seen.astype(np.uint8)


def write_input(folder: Path, train: Sequence[PosedPhoto], test: Sequence[PosedPhoto]) -> CommonLens:
    """`transforms_train.json`, `transforms_test.json` and pictures. The program reads both, so where nothing is to be
    tested, the first photo that it trains on is."""
    lens = CommonLens.of([*train, *test])
    for share, photos in ((TRAIN, train), (TEST, test or train[:1])):
        (folder / share).mkdir(parents=True, exist_ok=True)
        frames = []
        for number, photo in enumerate(photos):
            Image.fromarray(lens.picture(photo)).save(folder / share / f"{number:04d}.png")
            pose = photo.camera.camera_to_world.tolist()
            frames.append({"file_path": f"./{share}/{number:04d}", "transform_matrix": pose})
        document = {"camera_angle_x": lens.angle, "frames": frames}
        (folder / f"transforms_{share}.json").write_text(json.dumps(document))
    return lens
