"""Scale and place of a model from points on the ground that somebody has measured: more exact than GPS by far.

Each point is where the rays through the pixels that show it come closest to each other; a similarity takes all of them
to the measured places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..geometry.local_positions import Origin, local_positions, origin_of
from ..geometry.similarity import Similarity, fit_similarity
from ..ingest.control_points import ControlPoint
from ..ingest.dataset import DatasetImage
from .colmap_cameras import rays
from .posed_model import PosedModel

MIN_POINTS: Final = 3
MIN_ANGLE_DEGREES: Final = 2.0
"""Between the rays of a point; along flatter ones its distance is not known."""
MIN_WIDTH: Final = 0.05
"""Extent of the points across their longest side, relative to it: about a line they could turn."""
MAX_ERROR: Final = 0.02
"""Root mean square of the distances that are left, as a share of the points' extent: above, they do not fit."""


@dataclass(frozen=True)
class GroundControl:
    """How a model lies on the ground."""

    metres_from_model: Similarity
    """To east, north, up in metres around the origin."""
    origin: Origin
    residual_metres: float
    """Root mean square over the points."""
    points: int
    photos: int
    """How many show one of them."""


@dataclass(frozen=True)
class ControlFit:
    """`found` is None where the points do not tell the place; `note` is for people."""

    found: GroundControl | None
    note: str


def fit_control(model: PosedModel, photos: Mapping[str, DatasetImage], points: Sequence[ControlPoint]) -> ControlFit:
    """Fit a model to measured points. `photos` by the names of the model's shots."""
    shots = {photos[shot.name].original.name: index for index, shot in enumerate(model.shots)}
    placed: list[NDArray[np.float64]] = []
    known: list[ControlPoint] = []
    used: set[str] = set()
    for point in points:
        seen = [each for each in point.sightings if each[0] in shots]
        found = _meeting(*_rays(model, photos, [(shots[name], x, y) for name, x, y in seen]))
        if found is not None:
            placed.append(found)
            known.append(point)
            used.update(name for name, _, _ in seen)
    if len(placed) < MIN_POINTS:
        return ControlFit(None, f"ground control left out: {len(placed)} of {len(points)} points are seen well enough")
    origin = origin_of([point.place for point in known])
    assert origin is not None
    target = np.array([np.asarray(each) for each in local_positions([point.place for point in known])])
    extent = np.linalg.svd(target - target.mean(axis=0), compute_uv=False) / np.sqrt(len(target))
    if extent[1] < MIN_WIDTH * extent[0]:
        return ControlFit(None, "ground control left out: its points are on one line")
    similarity = fit_similarity(np.array(placed), target)
    errors = np.linalg.norm(similarity.points(np.array(placed)) - target, axis=1)
    residual = float(np.sqrt((errors**2).mean()))
    worst = known[int(errors.argmax())].name
    if residual > MAX_ERROR * extent[0]:
        return ControlFit(None, f"ground control left out: it does not fit by {residual:.2f} m, {worst} least")
    control = GroundControl(similarity, origin, residual, len(placed), len(used))
    return ControlFit(control, f"{len(placed)} ground control points fit to {residual:.3f} m, {worst} least")


def _rays(
    model: PosedModel, photos: Mapping[str, DatasetImage], sightings: Sequence[tuple[int, float, float]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Origins and unit directions [N, 3] of the rays through pixels of the photos in the source."""
    origins, directions = [], []
    for index, x, y in sightings:
        shot = model.shots[index]
        camera, photo = model.cameras[shot.camera_id], photos[shot.name]
        if photo.orientation != 1:  # whose pixels were meant, the stored ones or the upright ones, is not said
            continue
        pixel = np.array([[x * camera.width / photo.original.width, y * camera.height / photo.original.height]])
        local = np.append(rays(camera, pixel)[0], 1.0)
        directions.append(shot.world_from_camera[:3, :3] @ (local / np.linalg.norm(local)))
        origins.append(shot.world_from_camera[:3, 3])
    return np.array(origins).reshape(-1, 3), np.array(directions).reshape(-1, 3)


def _meeting(origins: NDArray[np.float64], directions: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The point with the least squared distances from the rays; None where these do not tell it."""
    if len(origins) < 2:
        return None
    widest = np.degrees(np.arccos(np.clip((directions @ directions.T).min(), -1, 1)))
    if widest < MIN_ANGLE_DEGREES:
        return None
    across = np.eye(3) - directions[:, :, None] * directions[:, None, :]
    return np.linalg.solve(across.sum(axis=0), np.einsum("nij,nj->i", across, origins))
