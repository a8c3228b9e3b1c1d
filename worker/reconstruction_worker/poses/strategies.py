"""A ladder of ways to estimate poses, from quick to stubborn; the next one is tried while too few photos are placed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from .mapping import MapperSettings
from .sfm import FeatureSettings

_PLAIN: Final = FeatureSettings()
_RICH: Final = FeatureSettings(tag="rich", max_features=12_000, peak_threshold=0.004, affine=True)
_FAINT: Final = FeatureSettings(tag="faint", max_features=12_000, peak_threshold=0.001, affine=True)
_UNMASKED: Final = FeatureSettings(tag="plain-unmasked", use_masks=False)
_BOLD: Final = MapperSettings(
    trust_focal=False, initial_inliers=40, initial_angle_degrees=6.0, pose_inliers=16, pose_inlier_ratio=0.15
)


@dataclass(frozen=True)
class Strategy:
    """Features and mapper; strategies with the same features share them."""

    name: str
    features: FeatureSettings
    mapper: MapperSettings
    every_pair: bool = False
    extends: bool = False
    """Adds photos to the largest model that the strategies before have made; left out where there is none."""
    last_resort: bool = False
    """Only worth its time, and the risk that native code takes the process down, when the job would fail anyway."""


def ladder(known_focals: bool, masked: bool, known_positions: bool = False) -> list[Strategy]:
    """Strategies in the order in which they are tried: those that only place photos from scratch are quick and come
    first. With masks, the last resort also looks at the background.

    A photo that is placed by few points can be wrong, and all that follow inherit its scale. So with `known_positions`
    (GPS) bold strategies hold on to these, and the first of them continues what the cautious ones have made."""
    bold = replace(_BOLD, use_positions=known_positions)
    steps = [Strategy("standard", _PLAIN, MapperSettings())]
    if known_focals:
        steps.append(Strategy("free focal length", _PLAIN, MapperSettings(trust_focal=False)))
    if known_positions:
        steps.append(Strategy("extended", _PLAIN, bold, extends=True))
    steps.append(Strategy("bold", _PLAIN, bold))
    steps.append(Strategy("distorted", _PLAIN, replace(bold, distortion=True)))
    steps.append(Strategy("rich features", _RICH, bold, every_pair=True))
    steps.append(Strategy("faint features", _FAINT, bold, every_pair=True, last_resort=True))
    steps.append(Strategy("global", _RICH, MapperSettings(kind="global"), every_pair=True, last_resort=True))
    if masked:
        steps.append(Strategy("background", _UNMASKED, MapperSettings(), last_resort=True))
    return steps
