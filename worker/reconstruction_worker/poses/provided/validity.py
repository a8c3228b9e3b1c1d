"""What all formats of provided poses have to fulfil, and how a mistake in one is reported."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import pycolmap
from numpy.typing import NDArray

from reconstruction_api.errors import ReconstructionError

from ...ingest.dataset import DatasetImage
from ...ingest.decode import TURNED
from ..colmap_cameras import rays

ROTATION_TOLERANCE: Final = 0.01
"""Largest deviation of R^T R from the identity; rounded files stay well below, and are made exact afterwards."""
ASPECT_TOLERANCE: Final = 0.02
LARGEST_COORDINATE: Final = 1e9
"""Beyond it positions lose the digits that tell neighbouring cameras apart."""
WIDEST_DEGREES: Final = 160.0
"""Angle of view up to which a photo can become a pinhole picture that still shows something in its middle."""
_SHOWN: Final = 120
"""Characters of a name from somebody's file that a message repeats."""


def invalid(file: str, problem: str) -> ReconstructionError:
    """The error for a mistake in `file`."""
    return ReconstructionError("InvalidPoses", f"{file}: {problem}", details={"file": file})


def shown(text: str) -> str:
    """A name from somebody's file, fit for a message."""
    plain = "".join(character if character.isprintable() else "?" for character in text)
    return plain if len(plain) <= _SHOWN else f"{plain[:_SHOWN]}..."


def as_number(value: Any, file: str, what: str) -> float:
    """A finite number; `what` names the field."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not _is_finite(value):
        raise invalid(file, f"{what} must be a number.")
    return float(value)


def rigid(matrix: NDArray[np.float64], file: str, where: str, field: str) -> NDArray[np.float64]:
    """A world-from-camera matrix [4, 4] whose rotation is made exact. `where` names the entry, `field` the matrix."""
    if not np.isfinite(matrix).all():
        raise invalid(file, f"{where}: {field} holds a value that is NaN or infinite.")
    if not np.allclose(matrix[3], [0, 0, 0, 1], atol=1e-6):
        raise invalid(file, f"{where}: the last row of {field} must be 0 0 0 1; is the matrix transposed?")
    if np.abs(matrix[:3, 3]).max() > LARGEST_COORDINATE:
        raise invalid(file, f"{where}: the position in {field} is too far from the origin to be computed with.")
    rotation = matrix[:3, :3]
    if np.abs(rotation).max() > 1e3:
        raise invalid(file, f"{where}: the upper left 3 x 3 of {field} is not a rotation.")
    determinant = float(np.linalg.det(rotation))
    if abs(determinant + 1) < 0.1:
        raise invalid(
            file, f"{where}: the rotation mirrors (determinant {determinant:.3f}); one axis points the wrong way."
        )
    if np.abs(rotation.T @ rotation - np.eye(3)).max() > ROTATION_TOLERANCE:
        raise invalid(
            file,
            f"{where}: the upper left 3 x 3 of {field} is not a rotation (determinant {determinant:.3f}); "
            "its columns must be orthogonal and of length 1.",
        )
    u, _, vt = np.linalg.svd(rotation)
    result = matrix.copy()
    result[:3, :3] = u @ vt
    return result


def check_size(width: float, height: float, photo: DatasetImage, file: str, where: str) -> None:
    """Raises InvalidPoses when intrinsics for `width` x `height` pixels can't be those of a photo, at any scale: not as
    it is in its file, and not turned upright."""
    turned = photo.orientation != 1 or TURNED in photo.notes
    stored = (photo.original.width, photo.original.height)
    sizes = [(photo.width, photo.height), *([stored] if photo.orientation != 1 else [])]
    if width <= 0 or height <= 0 or all(abs(width * h / (height * w) - 1) > ASPECT_TOLERANCE for w, h in sizes):
        size = stored[::-1] if turned and photo.orientation not in (2, 3, 4) else stored
        raise invalid(
            file,
            f"{where} is for {width:g} x {height:g} pixels, but {photo.original.name} has {size[0]} x {size[1]}"
            + (" (turned upright by its EXIF orientation)." if turned else "."),
        )


def check_focal(focal: float, name: str, width: float, height: float, file: str, where: str) -> None:
    """Raises InvalidPoses for a focal length in pixels that no lens has."""
    if not 0.1 < focal / max(width, height) < 50:
        raise invalid(file, f"{where}: {name} {focal:g} makes no sense for {width:g} x {height:g} pixels.")


def check_centre(x: float, y: float, width: float, height: float, file: str, where: str) -> None:
    """Raises InvalidPoses for a principal point outside the photo."""
    if not (0 < x < width and 0 < y < height):
        raise invalid(file, f"{where}: the principal point ({x:g}, {y:g}) is outside the photo.")


def check_rays(camera: pycolmap.Camera, file: str, where: str) -> None:
    """Raises InvalidPoses when a camera's distortion folds the picture over, or sees more than a pinhole can show."""
    width, height = camera.width, camera.height
    centre = np.array([camera.principal_point_x, camera.principal_point_y])
    edge = np.array([[0, centre[1]], [width, centre[1]], [centre[0], 0], [centre[0], height]], dtype=np.float64)
    steps = np.linspace(0, 1, 33)[1:, None]
    angles = []
    for target in edge:
        samples = rays(camera, centre + steps * (target - centre))
        away = np.linalg.norm(samples, axis=1)
        if not np.isfinite(away).all() or (np.diff(away) <= 0).any():
            raise invalid(
                file,
                f"{where}: the picture folds over; either a distortion coefficient is wrong, or the lens sees more "
                "than half of the world.",
            )
        angles.append(math.degrees(math.atan(float(away[-1]))))
    if max(angles[0] + angles[1], angles[2] + angles[3]) > WIDEST_DEGREES:
        raise invalid(
            file,
            f"{where}: the angle of view is more than {WIDEST_DEGREES:g} degrees, which no flat picture can show; crop "
            "the photos, or let the poses be estimated.",
        )


def check_parallax(positions: NDArray[np.float64], photos: int, file: str, axes: str) -> None:
    """Raises InvalidPoses for positions [N, 3] from which nothing can be reconstructed; `photos` is their number in
    the source, `axes` what matrices must be."""
    if len(positions) < 2:
        raise invalid(file, f"it has poses for {len(positions)} of the {photos} photos; at least two are needed.")
    if np.ptp(positions, axis=0).max() < 1e-9:
        raise invalid(file, f"all frames have the same position, so depth can't be determined; poses must be {axes}.")


def _is_finite(value: int | float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer of hundreds of digits
        return False
