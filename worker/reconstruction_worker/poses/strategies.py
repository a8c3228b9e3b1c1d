"""A ladder of ways to estimate poses, from quick to stubborn; the next one is tried while too few photos are placed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from .mapping import MapperSettings
from .sfm import FeatureSettings

_PLAIN: Final = FeatureSettings()
_RICH: Final = FeatureSettings(tag="rich", peak_threshold=0.004, affine=True)
_FAINT: Final = FeatureSettings(tag="faint", peak_threshold=0.001, affine=True)
MANY: Final = 150
"""Photos beyond which fewer features are found in each: what the photos have in common is seen by many of them."""
FEATURES_OF_MANY: Final = 4096
HUGE: Final = 300
"""Photos beyond which all are placed at once before they are placed one after the other: the time of the former grows
with their number, that of the latter faster."""
_LEARNED: Final = FeatureSettings(tag="learned", learned=True)
_UNMASKED: Final = FeatureSettings(tag="plain-unmasked", use_masks=False)
BOLD: Final = MapperSettings(
    trust_focal=False, initial_inliers=40, initial_angle_degrees=6.0, pose_inliers=16, pose_inlier_ratio=0.15
)


@dataclass(frozen=True)
class Strategy:
    """Features and mapper; strategies with the same features share them."""

    name: str
    features: FeatureSettings
    mapper: MapperSettings
    own_lenses: bool = False
    """Each photo has its own lens, whatever size it has."""
    extends: bool = False
    """Adds photos to the largest model that the strategies before have made; left out where there is none."""
    last_resort: bool = False
    """Only worth its time, and the risk that native code takes the process down, when the job would fail anyway."""


def ladder(
    known_focals: bool, masked: bool, known_positions: bool = False, photos: int = 0, guessed_lenses: bool = False
) -> list[Strategy]:
    """Strategies in the order in which they are tried: those that only place photos from scratch are quick and come
    first. With `guessed_lenses`, photos of one size may be from several lenses. With masks, the last resort also looks
    at the background. A street whose photos are far apart is placed best all at once: one after the other, the error of
    each is that of all that follow.

    A photo that is placed by few points can be wrong, and all that follow inherit its scale. So with `known_positions`
    (GPS) bold strategies hold on to these, and the first of them continues what the cautious ones have made."""
    bold = replace(BOLD, use_positions=known_positions)
    plain = replace(_PLAIN, max_features=FEATURES_OF_MANY) if photos > MANY else _PLAIN
    at_once = Strategy("all at once", plain, MapperSettings(kind="global", distortion=photos > HUGE))
    steps = [at_once] if photos > HUGE else []
    steps.append(Strategy("standard", plain, MapperSettings()))
    if known_focals:
        steps.append(Strategy("free focal length", plain, MapperSettings(trust_focal=False)))
    if known_positions:
        steps.append(Strategy("extended", plain, bold, extends=True))
    if photos <= HUGE:
        steps.append(at_once)
    steps.append(Strategy("bold", plain, bold))
    steps.append(Strategy("distorted", plain, replace(bold, distortion=True)))
    if guessed_lenses:
        steps.append(Strategy("own lenses", plain, MapperSettings(), own_lenses=True))
    careful = MapperSettings(use_positions=known_positions)
    steps.append(Strategy("learned features", _LEARNED, careful))
    steps.append(Strategy("bold learned features", _LEARNED, bold))
    steps.append(Strategy("rich features", _RICH, bold))
    steps.append(Strategy("faint features", _FAINT, bold, last_resort=True))
    steps.append(Strategy("global", _RICH, MapperSettings(kind="global", distortion=True), last_resort=True))
    if masked:
        steps.append(Strategy("background", _UNMASKED, MapperSettings(), last_resort=True))
    return steps
