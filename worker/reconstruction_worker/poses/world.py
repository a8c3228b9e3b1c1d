"""Takes a model from the arbitrary frame of its poses to the world of docs/workspace.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reconstruction_api.poses import PhotoSide

from ..geometry.gps import align_to_gps
from ..geometry.similarity import Similarity
from .masks import Masks
from .orient import rotation_to_world, up_at, up_from_cameras
from .output import World
from .posed_model import PosedModel
from .region import SceneKind, find_region, scene_kind, trusted_points
from .silhouettes import Silhouette

GIMBAL: Final = "gimbal"
"""Value of `upFrom` where drones' cameras tell how they were held."""


@dataclass(frozen=True)
class Gps:
    """Positions (east, north, up in metres) of the shots, where they are known, and their deviations [N, 3]."""

    positions: Sequence[NDArray[np.float64] | None]
    deviations: NDArray[np.float64] | None


def settle(
    model: PosedModel,
    silhouettes: list[Silhouette | None],
    gps_positions: Sequence[NDArray[np.float64] | None],
    z_up_within_degrees: float,
    metres: float | None = None,
    up_side: PhotoSide | None = None,
    deviations: NDArray[np.float64] | None = None,
    measured_up: NDArray[np.float64] | None = None,
) -> World:
    """Turn upright, find the region of interest, normalise. `silhouettes` and `gps_positions` (east, north, up in
    metres) are in the order of the shots; the model's z axis is kept as up where the cameras' own up is not more than
    `z_up_within_degrees` from it. `metres` is the length of a unit of the model, where it is known without GPS. Where
    it is known which side of the photos is up, `up_side` is followed before all else. `deviations` [N, 3] in metres are
    those of GPS, and `measured_up` is a unit vector in the model, where the cameras' gimbals tell it."""
    kind = scene_kind(silhouettes)
    gps = Gps(gps_positions, deviations)
    upright, by_gps, up_from = _upright(model, kind, gps, z_up_within_degrees, up_side, measured_up)
    metres = metres if by_gps is None else by_gps
    turned = model.transformed(upright)
    region = find_region(turned, kind, silhouettes)
    normalise = region.normalisation()
    return World(
        model=turned.transformed(normalise),
        region=region.transformed(normalise),
        masks=Masks.of(kind, model, silhouettes),
        world_from_model=normalise.after(upright),
        metres_per_unit=metres / normalise.scale if metres is not None else None,
        up_from=up_from,
    )


def _upright(
    model: PosedModel,
    kind: SceneKind,
    located: Gps,
    z_up_within_degrees: float,
    up_side: PhotoSide | None,
    measured_up: NDArray[np.float64] | None,
) -> tuple[Similarity, float | None, str]:
    """Rotation to z up; metres for a unit of the model, where GPS determines it; and what determined the direction."""
    poses = model.poses
    points = trusted_points(model)
    measured = measured_up is not None and up_side is None
    if up_side is not None:
        up = up_at(up_side, poses, points)
    elif measured_up is not None:
        up = measured_up
    else:
        up = up_from_cameras(poses, points, kind is SceneKind.BOUNDED)
    gps = align_to_gps(poses[:, :3, 3], located.positions, up, located.deviations, up_is_measured=measured)
    metres = gps.metres_from_model.scale if gps is not None else None
    cameras = GIMBAL if measured else "cameras"
    if up_side is not None:
        return Similarity(rotation=rotation_to_world(up, poses)), metres, "spec"
    if np.degrees(np.arccos(np.clip(up[2], -1, 1))) < z_up_within_degrees:
        return Similarity(), metres, "provided"
    if gps is not None and gps.orients:
        told_by = cameras if gps.level_from_cameras else "gps"
        return Similarity(rotation=gps.metres_from_model.rotation), metres, told_by
    return Similarity(rotation=rotation_to_world(up, poses)), metres, cameras
