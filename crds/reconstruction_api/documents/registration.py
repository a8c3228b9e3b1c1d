"""`poses/registration.json`: which photos were placed, how well, and by which means."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from pydantic import Field

from ..stage_table import BY_NAME, StageName
from .base import Document

FILE: Final = BY_NAME[StageName.POSES].document


class PoseOrigin(StrEnum):
    """Where the poses come from."""

    STRUCTURE_FROM_MOTION = "structureFromMotion"
    PROVIDED = "provided"
    CANONICAL_VIEWS = "canonicalViews"
    FEED_FORWARD = "feedForward"
    """A neural network saw them in the photos, in one pass."""
    NONE = "none"
    """The engine needs none, and none were estimated."""


class GpsAgreement(Document):
    """How far the cameras are from where GPS says that the photos were taken."""

    residual_metres: float
    """Median distance after the best similarity."""
    contradicts: bool
    """Farther off than GPS itself can explain."""


class StrategyResult(Document):
    """What one strategy of structure from motion achieved."""

    strategy: str
    pairing: str
    """`exhaustive`, `sequential`, `spatial` or `alike`."""
    registered: int
    points: int = 0
    model_sizes: list[int] = Field(default_factory=list[int])
    features_per_photo: int = 0
    """Median."""
    verified_pairs: int = 0
    confirmed: float | None = None
    """Share of the pairs with enough matches that confirm its poses; null where there are none."""
    gps: GpsAgreement | None = None
    seconds: float = 0
    left_out: str = ""
    """Why it could not be tried; empty where it was."""


class DepthMapUse(Document):
    """How the photos' depth maps relate to the poses."""

    used: bool
    units_per_metre: float | None = None
    points: int = 0
    """Places of points in photos that the maps were compared with."""
    median_error: float | None = None
    """As a share of the distance."""


class MaskUse(Document):
    used: bool
    missing: list[str]
    """Photos without a mask, by their names in the source."""


class FeedForwardUse(Document):
    """What a network that saw the poses was shown, and what became of them."""

    network: str
    """As `recon weights` knows it."""
    width: int
    """Pixels of what it was shown of each photo."""
    height: int
    cropped: list[str] = Field(default_factory=list[str])
    """Photos, by their names in the source, of another shape than the others: only their middle was shown."""
    corrected_by: str | None = None
    """Features whose shared points have corrected the poses: `SIFT` or `ALIKED`; None where too few were shared."""
    shared_points: int = 0
    metric: bool = False
    """Whether the network has estimated the scale, too; GPS and known distances count before it."""


class RegistrationDocument(Document):
    """Errors in pixels, `gps` in metres."""

    method: PoseOrigin | None = None
    provided_format: str | None = None
    """`transforms`, `colmap`, `blender` or `llff`."""
    registered: int | None = None
    total: int | None = None
    unregistered: list[str] = Field(default_factory=list[str])
    """Names as in the source."""
    mean_reprojection_error: float | None = None
    median_reprojection_error: float | None = None
    mean_track_length: float | None = None
    points: int | None = None
    gps: GpsAgreement | None = None
    caution: str | None = None
    """What can't be known, in a sentence: of two photos, whether their poses are right."""
    strategy: str | None = None
    """The one that the poses are from."""
    strategies: list[StrategyResult] = Field(default_factory=list[StrategyResult])
    """All that were tried, in their order."""
    seconds: float = 0
    peak_memory_bytes: int = 0
    depth: DepthMapUse | None = None
    masks: MaskUse | None = None
    """None where no photo has a mask."""
    feed_forward: FeedForwardUse | None = None
    """None where no network saw the poses."""
