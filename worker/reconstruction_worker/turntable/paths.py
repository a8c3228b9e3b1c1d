"""Where the camera of each frame is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from reconstruction_api.turntable import Turntable, TurntableEasing, TurntablePath

from ..geometry.orbit import FIELD_OF_VIEW, upright
from ..geometry.rendering import Camera
from ..geometry.scene import Scene
from .path_file import PathPose

SPIRAL_DEGREES, HIGHEST_DEGREES = 45.0, 80.0
DOLLY = 2.0, 1.0
"""Distance at the beginning and at the end, as multiples of the one that is asked for."""


@dataclass(frozen=True)
class Subject:
    """What the camera looks at: a ball, in world units with z up, and how wide the camera sees it (radians, across the
    shorter side)."""

    centre: NDArray[np.float64]
    radius: float
    field_of_view: float


def subject_of(scene: Scene, points: NDArray[np.float64]) -> Subject:
    """An object is seen whole: `points` [N, 3] are its surface. Of a place, whose surface extends beyond what the
    photos were about, that is seen which they look at, from as far away and as wide."""
    if scene.bounded or not scene.views:
        centre = (points.min(axis=0) + points.max(axis=0)) / 2
        return Subject(centre, float(np.linalg.norm(points - centre, axis=1).max()), FIELD_OF_VIEW)
    cameras = [view.camera for view in scene.views]
    places = np.array([camera.camera_to_world[:3, 3] for camera in cameras])
    centre = _nearest_to_all(places, np.array([-camera.camera_to_world[:3, 2] for camera in cameras]))
    wide = float(np.median([_field_of_view(camera) for camera in cameras]))
    distance = float(np.median(np.linalg.norm(places - centre, axis=1)))
    return Subject(centre, distance * np.sin(wide / 2), wide)


def cameras(turntable: Turntable, scene: Scene, subject: Subject, poses: Sequence[PathPose] = ()) -> list[Camera]:
    """One for each frame, in order. `poses` are those of the file, for the path that goes by one."""
    moments = _moments(turntable)
    if turntable.path is TurntablePath.FILE:
        return _between(poses, moments, subject.field_of_view, turntable.size)
    if turntable.path is TurntablePath.PHOTOS and len(scene.views) > 1:
        return _along([view.camera for view in scene.views], moments, turntable.size)
    distance = turntable.distance_percent / 100
    result = []
    for moment in moments:
        turn, elevation, far = moment * turntable.turn_degrees, float(turntable.elevation_degrees), distance
        if turntable.path is TurntablePath.SPIRAL:
            elevation = min(elevation + SPIRAL_DEGREES * moment, HIGHEST_DEGREES)
        elif turntable.path is TurntablePath.DOLLY:
            turn, far = 0.0, distance * (DOLLY[0] + (DOLLY[1] - DOLLY[0]) * moment)
        result.append(around(subject, turn, elevation, far, turntable.size))
    return result


def around(subject: Subject, turn: float, elevation: float, distance: float, size: tuple[int, int]) -> Camera:
    """A camera that looks at the subject; `turn` 0 looks from -y, angles in degrees, counter-clockwise from above.
    `distance` 1 is where it just fits."""
    pose = np.eye(4)
    pose[:3, :3] = upright(turn, elevation)
    pose[:3, 3] = subject.centre + pose[:3, 2] * (distance * subject.radius / np.sin(subject.field_of_view / 2))
    return _camera(pose, subject.field_of_view, size)


def _camera(pose: NDArray[np.float64], field_of_view: float, size: tuple[int, int]) -> Camera:
    focal = min(size) / 2 / np.tan(field_of_view / 2)
    return Camera(pose, focal, focal, size[0] / 2, size[1] / 2, *size)


def _moments(turntable: Turntable) -> NDArray[np.float64]:
    """For each frame, how much of the path lies behind it, 0 to 1. A path that ends where it begins stops one frame
    before."""
    closed = (
        turntable.path is TurntablePath.CIRCLE and turntable.turn_degrees != 0 and turntable.turn_degrees % 360 == 0
    )
    steps = np.arange(turntable.frames) / (turntable.frames if closed else turntable.frames - 1)
    return steps**2 * (3 - 2 * steps) if turntable.easing is TurntableEasing.EASE_IN_OUT else steps


def _along(photos: Sequence[Camera], moments: NDArray[np.float64], size: tuple[int, int]) -> list[Camera]:
    """From photo to photo, each leg in proportion to its length."""
    matrices = np.array([camera.camera_to_world for camera in photos])
    legs = np.linalg.norm(np.diff(matrices[:, :3, 3], axis=0), axis=1)
    at = np.concatenate([[0.0], np.cumsum(np.maximum(legs, 1e-9 * max(legs.max(), 1e-9)))])
    return _through(matrices, [_field_of_view(camera) for camera in photos], at / at[-1], moments, size)


def _between(
    poses: Sequence[PathPose], moments: NDArray[np.float64], usual: float, size: tuple[int, int]
) -> list[Camera]:
    """From pose to pose, each leg as long as any other: the file's own speed, where it is dense. Poses without an angle
    of view have the usual one."""
    wide = [usual if pose.field_of_view is None else pose.field_of_view for pose in poses]
    matrices = np.array([pose.camera_to_world for pose in poses])
    return _through(matrices, wide, np.linspace(0, 1, len(poses)), moments, size)


def _through(
    matrices: NDArray[np.float64],
    wide: Sequence[float],
    at: NDArray[np.float64],
    moments: NDArray[np.float64],
    size: tuple[int, int],
) -> list[Camera]:
    """Cameras at `moments`, straight from one of the poses [N, 4, 4] to the next; `at` [N] is when each is reached."""
    turns = Slerp(at, Rotation.from_matrix(matrices[:, :3, :3]))
    result = []
    for moment, turned in zip(moments, turns(moments).as_matrix(), strict=True):
        pose = np.eye(4)
        pose[:3, :3] = turned
        pose[:3, 3] = [np.interp(moment, at, matrices[:, axis, 3]) for axis in range(3)]
        result.append(_camera(pose, float(np.interp(moment, at, wide)), size))
    return result


def _field_of_view(camera: Camera) -> float:
    """Across the shorter side, in radians."""
    return float(2 * np.arctan(min(camera.width, camera.height) / 2 / camera.fx))


def _nearest_to_all(places: NDArray[np.float64], directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """The point with the least sum of squared distances to all lines of view. Where these are nearly parallel, it is
    held to the middle of what lies ahead of the cameras."""
    across = np.eye(3) - directions[:, :, None] * directions[:, None, :]
    spread = np.linalg.norm(places - places.mean(axis=0), axis=1).mean() + 1e-9
    ahead = places.mean(axis=0) + directions.mean(axis=0) * spread
    held = 1e-3 * len(places) * np.eye(3)
    return np.linalg.solve(across.sum(axis=0) + held, np.einsum("nij,nj->i", across, places) + held @ ahead)
