"""Takes a model from the arbitrary frame of its poses to the world of docs/workspace.md."""

from __future__ import annotations

from collections.abc import Sequence

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


def settle(
    model: PosedModel,
    silhouettes: list[Silhouette | None],
    gps_positions: Sequence[NDArray[np.float64] | None],
    z_up_within_degrees: float,
    metres: float | None = None,
    up_side: PhotoSide | None = None,
) -> World:
    """Turn upright, find the region of interest, normalise. `silhouettes` and `gps_positions` (east, north, up in
    metres) are in the order of the shots; the model's z axis is kept as up where the cameras' own up is not more than
    `z_up_within_degrees` from it. `metres` is the length of a unit of the model, where it is known without GPS. Where
    it is known which side of the photos is up, `up_side` is followed before all else."""
    kind = scene_kind(silhouettes)
    upright, by_gps, up_from = _upright(model, kind, gps_positions, z_up_within_degrees, up_side)
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
    gps_positions: Sequence[NDArray[np.float64] | None],
    z_up_within_degrees: float,
    up_side: PhotoSide | None,
) -> tuple[Similarity, float | None, str]:
    """Rotation to z up; metres for a unit of the model, where GPS determines it; and what determined the direction."""
    poses = model.poses
    points = trusted_points(model)
    up = up_at(up_side, poses, points) if up_side else up_from_cameras(poses, points, kind is SceneKind.BOUNDED)
    gps = align_to_gps(poses[:, :3, 3], gps_positions, up)
    metres = gps.metres_from_model.scale if gps is not None else None
    if up_side is not None:
        return Similarity(rotation=rotation_to_world(up, poses)), metres, "spec"
    if np.degrees(np.arccos(np.clip(up[2], -1, 1))) < z_up_within_degrees:
        return Similarity(), metres, "provided"
    if gps is not None and gps.orients:
        told_by = "cameras" if gps.level_from_cameras else "gps"
        return Similarity(rotation=gps.metres_from_model.rotation), metres, told_by
    return Similarity(rotation=rotation_to_world(up, poses)), metres, "cameras"
