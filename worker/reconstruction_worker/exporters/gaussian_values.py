"""The numbers that files of Gaussians hold, and how what a reader found is compared with what was meant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..geometry.gaussian_sets import rotated
from ..geometry.gaussians import Gaussians
from .checking import Content, require
from .textured_model import Z_UP_TO_Y_UP

NEAREST = 1e-6
"""Opacities are kept this far from 0 and 1, whose logits are infinite."""


Allowed = float | NDArray[np.floating]


@dataclass(frozen=True)
class Rounding:
    """By how much a format may change what it stores: one number for all Gaussians, or some for each."""

    position: Allowed
    """Of a coordinate."""
    log_scale: Allowed
    """Of the natural logarithm of a standard deviation."""
    turn: Allowed
    """Of a number of a unit quaternion."""
    opacity: Allowed
    colour: Allowed
    """Of a colour's constant coefficient."""
    harmonics: Allowed
    """Of the other coefficients."""


def log_scales(gaussians: Gaussians) -> NDArray[np.float32]:
    """Natural logarithms of the standard deviations. [N, 3]"""
    return np.log(np.maximum(gaussians.scales, np.finfo(np.float32).tiny))


def opacity_logits(gaussians: Gaussians) -> NDArray[np.float32]:
    """What a sigmoid makes the opacities of. [N]"""
    opacity = np.clip(gaussians.opacities.astype(np.float64), NEAREST, 1 - NEAREST)
    return np.log(opacity / (1 - opacity)).astype(np.float32)


def opacities_of(logits: NDArray[np.floating]) -> NDArray[np.float32]:
    """The opposite of `opacity_logits`. [N]"""
    return (1 / (1 + np.exp(-logits.astype(np.float64)))).astype(np.float32)


def y_up(gaussians: Gaussians) -> Gaussians:
    """Upright where y is up and +z is the front. `gaussians` are z up."""
    return rotated(gaussians, Z_UP_TO_Y_UP)


def ply_comments(gaussians: Gaussians) -> list[str]:
    """Lines of a PLY header that say how Gaussians are shown, as Brush writes and SplatTransform reads them."""
    return ["comment SplatRenderMode: mip"] if gaussians.antialiased else []


def compare_gaussians(name: str, found: Gaussians, meant: Gaussians, rounding: Rounding) -> Content:
    """What a reader found. Raises ExportFailed where a value differs by more than the format rounds it."""
    require(name, len(found) == len(meant), f"it holds {len(found)} Gaussians instead of {len(meant)}")
    turned = np.minimum(
        np.abs(found.rotations - meant.rotations).max(axis=1), np.abs(found.rotations + meant.rotations).max(axis=1)
    )
    require(name, found.antialiased == meant.antialiased, "it does not say how small Gaussians are shown")
    shape = meant.harmonics.shape
    require(name, found.harmonics.shape == shape, f"it does not hold {shape[1]} coefficients a colour")
    differences = {
        "positions": (np.abs(found.means - meant.means), rounding.position),
        "sizes": (np.abs(log_scales(found) - log_scales(meant)), rounding.log_scale),
        "rotations": (turned, rounding.turn),
        "opacities": (np.abs(found.opacities - meant.opacities), rounding.opacity),
        "colours": (np.abs(found.harmonics[:, :1] - meant.harmonics[:, :1]), rounding.colour),
        "colours by direction": (np.abs(found.harmonics[:, 1:] - meant.harmonics[:, 1:]), rounding.harmonics),
    }
    for what, (difference, allowed) in differences.items():
        most = float(difference.max(initial=0))
        same = bool((difference <= allowed).all())  # not so where one is NaN
        require(name, same, f"its {what} are not what was written: they differ by up to {most:.3g}")
    return content_of(found)


def content_of(gaussians: Gaussians) -> Content:
    """The numbers by which they are recognised."""
    return Content(len(gaussians), 0, gaussians.bounds(), None)
