"""`spec.poses`: where camera poses come from."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from .base import ApiModel, Coordinates, DecimalString
from .rules import Rule


class PoseMethod(StrEnum):
    AUTO = "Auto"
    STRUCTURE_FROM_MOTION = "StructureFromMotion"
    PROVIDED = "Provided"
    CANONICAL_VIEWS = "CanonicalViews"
    FEED_FORWARD = "FeedForward"
    NONE = "None"


class PhotoSide(StrEnum):
    TOP = "Top"
    RIGHT = "Right"
    BOTTOM = "Bottom"
    LEFT = "Left"
    TOWARDS_CAMERA = "TowardsCamera"


class KnownDistance(ApiModel):
    """A length that somebody has measured, between two points of the result."""

    rules: ClassVar = (
        Rule(
            "metres must be above 0",
            cel="double(self.metres) > 0.0",
            holds=lambda known: float(known.metres) > 0,
            field="metres",
        ),
        Rule(
            "start and end must be two different points",
            cel=" || ".join(f"double(self.start[{axis}]) != double(self.end[{axis}])" for axis in range(3)),
            holds=lambda known: [float(value) for value in known.start] != [float(value) for value in known.end],
            field="end",
        ),
    )

    start: Coordinates
    """One end, in the coordinates of the report (the scene's own unit, z up), as its viewer measures them."""
    end: Coordinates
    """The other end."""
    metres: DecimalString
    """How far they are from each other."""

    @property
    def metres_per_unit(self) -> float:
        """Metres in one unit of the scene."""
        start, end = ([float(value) for value in point] for point in (self.start, self.end))
        return float(self.metres) / math.dist(start, end)


class Poses(ApiModel):
    """Where camera poses come from."""

    rules: ClassVar = (
        Rule(
            "fieldOfViewDegrees is for method CanonicalViews; leave it out for others",
            cel="!has(self.fieldOfViewDegrees) || self.method == 'CanonicalViews'",
            holds=lambda poses: poses.field_of_view_degrees is None or poses.method is PoseMethod.CANONICAL_VIEWS,
            field="fieldOfViewDegrees",
        ),
        Rule(
            "cameraDistanceMillimetres is for method CanonicalViews; leave it out for others",
            cel="!has(self.cameraDistanceMillimetres) || self.method == 'CanonicalViews'",
            holds=lambda poses: poses.camera_distance_millimetres is None or poses.method is PoseMethod.CANONICAL_VIEWS,
            field="cameraDistanceMillimetres",
        ),
    )

    method: PoseMethod = PoseMethod.AUTO
    """`StructureFromMotion` estimates them from the photos. `Provided` reads them from files beside the photos:
    `transforms.json` (nerfstudio, instant-ngp), a COLMAP model (`sparse/0`, text or binary), `transforms_train.json`
    and its other splits (Blender), or `poses_bounds.npy` (LLFF). `Auto` uses such files when they are there.
    `CanonicalViews` knows them from the names of exactly six photos of an object: front, right, back, left, top and
    bottom. `FeedForward` has a neural network see cameras and depth of 2 to 30 photos in one pass, and corrects the
    cameras by what the photos share; its weights must be there (docs/weights.md). `Auto` falls back to it where too few
    photos could be placed otherwise. `None` estimates and reads none, for engines that need none; without cameras
    nothing can be compared with the photos, so there is no PSNR or SSIM, and the verdict is `warn`."""
    field_of_view_degrees: int | None = Field(default=None, ge=15, le=60)
    """Angle of view across the longer side of each of the `CanonicalViews`; 40 when unset."""
    camera_distance_millimetres: int | None = Field(default=None, ge=1, le=1_000_000)
    """Distance of the cameras of `CanonicalViews` from the object's middle: gives the result its scale in metres."""
    up: PhotoSide | None = None
    """Which way up is in the photos, where they can't tell: `Left` where what stands upright lies on its back in them,
    its top at their left side; `TowardsCamera` where all are taken from above. Unset, GPS, provided poses and level
    cameras tell."""
    known_distance: KnownDistance | None = None
    """Gives the result its scale: exports are in metres, whatever GPS, depth maps or provided poses say. It can be
    added when a job has ended: the exports and the report are written again, and nothing else. The report's viewer
    measures two points and writes this part. Where poses are estimated again (`redo.poses`, other photos) the scene's
    unit is another, and the distance has to be measured again."""
    min_registered_percent: int = Field(default=60, ge=1, le=100)
    """The job fails with LowRegistration when a smaller share of the photos could be placed."""
