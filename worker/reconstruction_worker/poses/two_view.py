"""What two photos alone can tell.

They give the direction in which the camera has moved, how it was turned meanwhile, and points; a third photo that fits
would confirm these, and tell whether the focal length is right.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..ingest.dataset import DatasetImage

FEWEST_FOR_INTRINSICS = 3
"""Photos: two of one camera fit with nearly any focal length, each with a scene of another depth (Hartley and Zisserman
2004, section 19.3)."""


def tells_intrinsics(photos: int) -> bool:
    """Whether focal length and distortion can be found along with the poses of so many photos."""
    return photos >= FEWEST_FOR_INTRINSICS


def confirms_points(photos: int) -> bool:
    """Whether points that only two photos show can be left out."""
    return photos > 2


def caution(photos: Sequence[DatasetImage]) -> str | None:
    """What to keep in mind where all poses are estimated from two photos; None for more."""
    if tells_intrinsics(len(photos)):
        return None
    known = all(photo.focal_pixels for photo in photos)
    focal = "EXIF's focal length is taken as it is" if known else "the focal length is a guess, and so is the depth"
    return f"no third photo confirms the poses; {focal}; without known positions the scale is arbitrary"
