"""Lenses as RealityCapture and RealityScan describe them: a focal length of the 35 mm equivalent, principal point as a
share of the longer side, distortion of Brown (https://dev.epicgames.com/community/learning/knowledge-base/vzwB).
"""

from __future__ import annotations

from typing import Final

from .frames import Frame

WIDTH_35_MM: Final = 36.0


def lens(size: tuple[int, int], focal_35_mm: float, centre: tuple[float, float], *, radial: tuple[float, float, float],
         tangential: tuple[float, float]) -> Frame:  # fmt: skip
    """Intrinsics in pixels of a photo of `size` (width, height), as in transforms.json."""
    width, height = size
    longer = max(size)
    focal = focal_35_mm * longer / WIDTH_35_MM
    return {
        "w": width, "h": height, "fl_x": focal, "fl_y": focal,
        "cx": centre[0] * longer + width / 2, "cy": centre[1] * longer + height / 2,
        "k1": radial[0], "k2": radial[1], "k3": radial[2], "p1": tangential[0], "p2": tangential[1],
    }  # fmt: skip
