"""Where on Earth the world of a result is: `poses/georeference.json`, and the same in `transforms.json`. Measured
points on the ground tell it, or else GPS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from reconstruction_api.base import ApiModel
from reconstruction_api.documents.base import Document

from ..geometry.gps import align_to_gps
from ..geometry.local_positions import Gps, local_positions, origin_of
from .ground_control import GroundControl
from .output import World
from .world import GIMBAL

FILE: Final = "georeference.json"
_UP: Final = np.array([0.0, 0.0, 1.0])


class GeoOrigin(ApiModel):
    """WGS 84; degrees, and metres above the ellipsoid or the sea, as the cameras' receivers had it."""

    latitude: float
    longitude: float
    altitude: float


class Georeference(Document):
    """How the world of transforms.json leads to the ground."""

    origin: GeoOrigin
    metres_from_world: list[list[float]]
    """Similarity [4, 4] from the world to east, north, up in metres around `origin`."""
    residual_metres: float
    """Root mean square over the photos that fit; the more exact ones count more."""
    photos: int = Field(ge=0)
    """How many fit."""
    altitude_known: bool
    """False where too few photos have an altitude: heights are then relative to the cameras."""
    control_points: int | None = None
    """Measured points on the ground that tell the place, and whose residual it is, instead of GPS."""


def by_control(world: World, control: GroundControl) -> Georeference:
    """From measured points; `control` is of the model as its poses came."""
    matrix = control.metres_from_model.matrix @ np.linalg.inv(world.world_from_model.matrix)
    origin = control.origin
    return Georeference(
        origin=GeoOrigin(latitude=origin.latitude, longitude=origin.longitude, altitude=origin.altitude),
        metres_from_world=matrix.tolist(),
        residual_metres=round(control.residual_metres, 3),
        photos=control.photos,
        altitude_known=True,
        control_points=control.points,
    )


def georeference(
    world: World, gps: Sequence[Gps | None], deviations: NDArray[np.float64] | None = None
) -> Georeference | None:
    """From the GPS of the world's shots, in their order, and its deviations [N, 3] in metres; None where it does not
    tell place, north and scale."""
    origin = origin_of(gps)
    if origin is None or not world.model.shots:
        return None
    measured = world.up_from == GIMBAL
    positions = world.model.poses[:, :3, 3]
    found = align_to_gps(positions, local_positions(gps), _UP, deviations, up_is_measured=measured)
    if found is None or not found.orients:
        return None
    return Georeference(
        origin=GeoOrigin(latitude=origin.latitude, longitude=origin.longitude, altitude=origin.altitude),
        metres_from_world=found.metres_from_model.matrix.tolist(),
        residual_metres=round(found.residual_metres, 3),
        photos=found.photos,
        altitude_known=not found.level_from_cameras,
    )
