"""Cameras that were made for a file's pixels, for a photo that ingest has turned upright by its EXIF orientation.

COLMAP and what builds on it work on the pixels as they are stored and ignore the orientation; other tools turn photos
first. Where width and height can't tell which it was (square photos, upside-down ones), both are tried on the photos.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import pycolmap
from numpy.typing import NDArray

from ...ingest.dataset import DatasetImage
from ...ingest.decode import TURNED, same_aspect
from .validity import invalid

_TURNS: Final = {3: ((-1, 0), (0, -1)), 6: ((0, -1), (1, 0)), 8: ((0, 1), (-1, 0))}
"""What EXIF orientations do to directions in the picture (x right, y down). The others mirror it too."""
_ALIKE: Final = (
    "PINHOLE",
    "OPENCV",
    "FULL_OPENCV",
    "OPENCV_FISHEYE",
    "FOV",
    "THIN_PRISM_FISHEYE",
    "RAD_TAN_THIN_PRISM",
)
"""Camera models of COLMAP whose parameters begin with fx, fy, cx, cy; those of the others begin with f, cx, cy."""
_TANGENTIAL: Final = {"OPENCV": 6, "FULL_OPENCV": 6, "THIN_PRISM_FISHEYE": 6}
"""Where p1 and p2 are among the parameters."""
_PRISM: Final = {"THIN_PRISM_FISHEYE": 10}
"""Where sx1 and sy1 are."""


class PixelFrame(StrEnum):
    """Whose pixels the intrinsics of provided poses are for."""

    FILE = "file"
    UPRIGHT = "upright"


@dataclass
class PixelFrames:
    """Decides for each photo; `ambiguous` becomes true when only `assumed` could."""

    assumed: PixelFrame = PixelFrame.FILE
    ambiguous: bool = False

    def size(self, photo: DatasetImage) -> tuple[int, int]:
        """Width and height that intrinsics without a size are for."""
        width, height = photo.original.width, photo.original.height
        upside = _is_turned(photo) and (self.assumed is PixelFrame.UPRIGHT or photo.orientation == 1)
        return (height, width) if upside and _swaps(photo) else (width, height)

    def turn(self, photo: DatasetImage, width: float, height: float, file: str, where: str) -> Turn | None:
        """How a camera for `width` x `height` pixels has to be turned; None where it is for the upright photo, or for
        nothing that the photo has ever been. Raises InvalidPoses for a photo that EXIF mirrors."""
        if photo.orientation == 1:
            return None
        size = round(width), round(height)
        for_file = same_aspect(size, (photo.original.width, photo.original.height))
        for_upright = same_aspect(size, (photo.width, photo.height))
        if for_file and for_upright:
            self.ambiguous = True
            for_file = self.assumed is PixelFrame.FILE
        if not for_file:
            return None
        if photo.orientation not in _TURNS:
            raise invalid(
                file, f"{where} is for the pixels of {photo.original.name}, whose EXIF orientation mirrors the picture."
            )
        return Turn(np.array(_TURNS[photo.orientation], float))


@dataclass(frozen=True)
class Turn:
    """From the pixels of a file to those of the upright picture. `matrix` [2, 2] turns directions (x right, y down)."""

    matrix: NDArray[np.float64]

    @property
    def _swaps(self) -> bool:
        return bool(self.matrix[0, 0] == 0)

    def before(self, width: int, height: int) -> tuple[int, int]:
        """Width and height as in the file of a picture that is upright `width` x `height`."""
        return (height, width) if self._swaps else (width, height)

    def pixels(self, pixels: NDArray[np.float64], size: tuple[float, float]) -> NDArray[np.float64]:
        """Positions [N, 2] in a file of `size` (width, height); the corner of the upper left pixel is the origin."""
        origin = np.array(size) @ np.minimum(self.matrix, 0).T
        return pixels @ self.matrix.T - origin

    def pose(self, world_from_camera: NDArray[np.float64]) -> NDArray[np.float64]:
        """World-from-camera [4, 4], axes as in OpenCV, of the camera that took the upright picture."""
        result = world_from_camera.copy()
        result[:3, :2] = world_from_camera[:3, :2] @ self.matrix.T
        return result

    def camera(self, camera: pycolmap.Camera) -> pycolmap.Camera:
        """A camera for the file's pixels, for those of the upright picture."""
        params = np.array(camera.params, float)
        name = camera.model_name
        first = 2 if name in _ALIKE else 1
        if first == 2 and self._swaps:
            params[:2] = params[1::-1]
        size = camera.width, camera.height
        params[first : first + 2] = self.pixels(params[None, first : first + 2], size)[0]
        if name in _TANGENTIAL:
            at = _TANGENTIAL[name]  # (p2, p1) is a direction in the picture
            params[[at + 1, at]] = self.matrix @ params[[at + 1, at]]
        if name in _PRISM:
            at = _PRISM[name]
            params[at : at + 2] = self.matrix @ params[at : at + 2]
        width, height = self.before(*size)
        return pycolmap.Camera(model=name, width=width, height=height, params=params.tolist())


def _is_turned(photo: DatasetImage) -> bool:
    return photo.orientation != 1 or TURNED in photo.notes  # earlier releases stored the note alone


def _swaps(photo: DatasetImage) -> bool:
    return photo.orientation >= 5 or photo.orientation == 1
