"""The part of the world that is to be reconstructed, and how far it is from the cameras."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..geometry.convergence import convergence
from ..geometry.similarity import Similarity
from .flight import ground_below
from .posed_model import PosedModel
from .silhouettes import RESOLUTION, Silhouette, hull_box

MASKED_SHARE: Final = 0.8
"""Photos that must have a mask for the scene to count as one object."""
BACKGROUND_SHARE: Final = 0.05
"""Share of a photo that must be background for its mask to say something."""
EDGE_ON: Final = 0.35
"""Cosine between a photo's view and the normal of a side of the box up to which it shows where that side is."""
EDGE_ON_SHARE: Final = 0.1
"""Photos that must."""
MIN_TRACK: Final = 3
"""Photos that must show a point for it to count: two agree by chance."""

Array = NDArray[np.float64]


class SceneKind(StrEnum):
    BOUNDED = "bounded"
    OPEN = "open"


@dataclass(frozen=True)
class Region:
    """`box` is [2, 3], lower and upper corner; `near` and `far` bound the distance from any camera to the scene."""

    kind: SceneKind
    box: Array
    near: float
    far: float

    def normalisation(self) -> Similarity:
        """Moves the box to the origin and scales it to fit the cube [-1, 1]^3."""
        scale = 2.0 / float(np.ptp(self.box, axis=0).max())
        return Similarity(scale, np.eye(3), -scale * self.box.mean(axis=0))

    def transformed(self, similarity: Similarity) -> Region:
        """In another frame that is not rotated against this one."""
        near, far = self.near * similarity.scale, self.far * similarity.scale
        return replace(self, box=similarity.points(self.box), near=near, far=far)


def scene_kind(silhouettes: list[Silhouette | None]) -> SceneKind:
    """Bounded when nearly all photos have a mask that hides something."""
    telling = [s for s in silhouettes if s is not None and s.background_share >= BACKGROUND_SHARE]
    return SceneKind.BOUNDED if len(telling) >= MASKED_SHARE * len(silhouettes) else SceneKind.OPEN


def find_region(model: PosedModel, kind: SceneKind, silhouettes: list[Silhouette | None]) -> Region:
    """The region of interest in the frame of `model`; silhouettes in the order of its shots."""
    centres = model.poses[:, :3, 3]
    points = trusted_points(model)
    if kind is SceneKind.OPEN:
        box = _open_box(points, model)
        near, far = _observed_distances(model, box)
        return Region(kind, box, near, far)
    box = _bounded_box(points, model, silhouettes)
    nearest = np.linalg.norm(np.clip(centres, box[0], box[1]) - centres, axis=1).min()
    farthest = np.linalg.norm(np.maximum(np.abs(centres - box[0]), np.abs(centres - box[1])), axis=1).max()
    # A camera inside the box would have near 0, from where no surface can be seen anyway.
    return Region(kind, box, max(float(nearest), 0.02 * float(farthest)), float(farthest))


def trusted_points(model: PosedModel) -> Array:
    """Points [P, 3] that enough photos show; all when those are few."""
    return model.points.xyz[_trusted(model)]


def _trusted(model: PosedModel) -> NDArray[np.bool_]:
    enough = model.points.track_lengths >= MIN_TRACK
    return enough if enough.sum() >= 20 else np.ones(len(enough), bool)


def convergence_point(poses: Array) -> Array:
    """Where cameras [N, 4, 4] (OpenCV axes) look; see `convergence`."""
    return convergence(poses[:, :3, 3], poses[:, :3, 2])


def _bounded_box(points: Array, model: PosedModel, silhouettes: list[Silhouette | None]) -> Array:
    """What lies inside all silhouettes, near the points: a silhouette alone says nothing about depth where all photos
    are taken from one side, and the points alone miss what has no texture."""
    if len(points) < 20:
        return _outlined_box(model, silhouettes)
    core = np.percentile(points, [1, 99], axis=0)
    size = np.ptp(core, axis=0)
    limits = _grown(core, np.maximum(0.5 * size, 0.25 * size.max()))
    hull = hull_box(model, silhouettes, limits)
    if hull is None:
        return _grown(core, 0.1 * size.max())
    hull = _beyond(hull, limits, model, silhouettes)
    hull = np.stack([np.minimum(hull[0], core[0]), np.maximum(hull[1], core[1])])
    return _grown(hull, 0.02 * np.ptp(hull, axis=0).max())


def _beyond(hull: Array, limits: Array, model: PosedModel, silhouettes: list[Silhouette | None]) -> Array:
    """The box, with each of its sides that the limits have cut moved to where the outlines end, if enough photos show
    that side edge-on: what has no point at all may be half of an object."""
    cell = np.ptp(limits, axis=0) / RESOLUTION
    cut = np.abs(hull - limits) < 1.5 * cell
    if not cut.any():
        return hull
    rays = model.poses[:, :3, 3] - hull.mean(axis=0)
    across = np.abs(rays) / np.linalg.norm(rays, axis=1, keepdims=True)
    wanted = cut & ((across < EDGE_ON).sum(axis=0) >= max(2, EDGE_ON_SHARE * len(rays)))
    if not wanted.any():
        return hull
    outlined = _outlined_box(model, silhouettes)
    farther = np.stack([np.minimum(hull[0], outlined[0]), np.maximum(hull[1], outlined[1])])
    return np.where(wanted, farther, hull)


def _outlined_box(model: PosedModel, silhouettes: list[Silhouette | None]) -> Array:
    """What lies inside all silhouettes, without points to say where to look: between the cameras, then once more in
    what was found, whose cells are finer."""
    centre = convergence_point(model.poses)
    reach = 0.6 * float(np.median(np.linalg.norm(model.poses[:, :3, 3] - centre, axis=1)))
    box = np.stack([centre - reach, centre + reach])
    for _ in range(2):
        found = hull_box(model, silhouettes, box, whole_in_view=True)
        if found is None:
            return box
        box = found
    return _grown(box, 0.02 * np.ptp(box, axis=0).max())


def _open_box(points: Array, model: PosedModel) -> Array:
    """Around most points, and all of the ground that cameras have flown over; around the cameras and what is in front
    of them where there are no points."""
    if len(points) >= 20:
        core = np.percentile(points, [3, 97], axis=0)
        box = _grown(core, 0.1 * np.ptp(core, axis=0).max())
        ground = ground_below(model, _trusted(model))
        if ground is not None:
            box[0, :2], box[1, :2] = np.minimum(box[0, :2], ground[0]), np.maximum(box[1, :2], ground[1])
        return box
    centre = convergence_point(model.poses)
    reach = float(np.linalg.norm(model.poses[:, :3, 3] - centre, axis=1).max())
    return np.stack([centre - reach, centre + reach])


def _observed_distances(model: PosedModel, box: Array) -> tuple[float, float]:
    """Distances between which nearly everything lies that cameras see; from the box where there are no points."""
    centres = model.poses[:, :3, 3]
    observations = model.points.observations
    if len(observations) < 20:
        far = float(np.linalg.norm(np.maximum(np.abs(centres - box[0]), np.abs(centres - box[1])), axis=1).max())
        return 0.02 * far, far
    distances = np.linalg.norm(centres[observations[:, 0]] - model.points.xyz[observations[:, 1]], axis=1)
    near, far = np.percentile(distances, [0.5, 98])
    return 0.7 * float(near), 1.5 * float(far)


def _grown(box: Array, margin: Array | float) -> Array:
    return np.stack([box[0] - margin, box[1] + margin])
