"""Photos as the networks take them: the object alone, in the middle of a square, on black."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.engines.training.posed_photos import PosedPhoto
from reconstruction_worker.poses.dataset_photos import read_dataset, read_mask, read_rgb

SIDE: Final = 518
"""Pixels: 37 patches of 14."""
INSIDE: Final = 204
"""Coverage, of 255, above which a pixel is the object's."""
MARGIN: Final = 1.1
"""Side of the square for one of the longer side of the object's box."""


def picture_of(rgba: NDArray[np.uint8], side: int = SIDE) -> NDArray[np.uint8] | None:
    """The square [side, side, 3] around the object of a photo [H, W, 4]; None where there is none."""
    inside = rgba[..., 3] > INSIDE
    if not inside.any():
        return None
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    size = max(2, round(MARGIN * max(bottom - top, right - left)))
    square = _around((left + right) / 2, (top + bottom) / 2, size, rgba).astype(np.float32) / 255
    if size > 2 * side:  # bilinear interpolation would leave pixels out
        square = cv2.resize(square, (2 * side, 2 * side), interpolation=cv2.INTER_AREA)
    square = cv2.resize(square, (side, side), interpolation=cv2.INTER_LINEAR)
    black = np.where(square[..., 3:] > INSIDE / 255, square[..., :3], 0)
    return (black * 255).astype(np.uint8)


def posed_rgba(photo: PosedPhoto) -> NDArray[np.uint8] | None:
    """[H, W, 4]; None of a photo without a mask."""
    pixels = photo.pixels()
    return pixels if pixels.shape[2] == 4 and photo.usable else None


def unposed_rgba(workspace: Path) -> dict[str, NDArray[np.uint8] | None]:
    """The same of the photos as ingest left them, by the names that the source gives them."""
    found: dict[str, NDArray[np.uint8] | None] = {}
    for photo in read_dataset(workspace).images:
        mask = read_mask(workspace, photo)
        opaque = mask is None or bool((mask == 255).all())
        found[photo.original.name] = None if opaque or mask is None else np.dstack([read_rgb(workspace, photo), mask])
    return found


def pictures_of(photos: dict[str, NDArray[np.uint8] | None], side: int = SIDE) -> NDArray[np.uint8]:
    """[N, side, side, 3]. Raises InvalidSpec for photos without a mask, and for those whose mask hides everything."""
    pictures = {name: None if each is None else picture_of(each, side) for name, each in photos.items()}
    if without := [name for name, each in pictures.items() if each is None]:
        raise ReconstructionError(
            "InvalidSpec",
            f"The engine reconviagen needs photos of one object with masks; {_listed(without)} without one, or "
            "hidden by it.",
            suggestion="Add masks (spec.images.masks) or photos with transparency, or choose another engine.",
            details={"engine": "reconviagen", "photos": without[:20]},
        )
    return np.stack([each for each in pictures.values() if each is not None])


def _around(x: float, y: float, size: int, rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The square of `size` pixels whose middle is at column `x` and row `y`; transparent beside the photo."""
    height, width = rgba.shape[:2]
    left, top = round(x - size / 2), round(y - size / 2)
    result = np.zeros((size, size, 4), np.uint8)
    part = rgba[max(top, 0) : max(min(top + size, height), 0), max(left, 0) : max(min(left + size, width), 0)]
    row, column = max(-top, 0), max(-left, 0)
    result[row : row + part.shape[0], column : column + part.shape[1]] = part
    return result


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 3} more are" if len(names) > 3 else (" are" if len(names) > 1 else " is")
    return ", ".join(names[:3]) + more
