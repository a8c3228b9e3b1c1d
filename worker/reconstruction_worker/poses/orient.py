"""Which way is up, and which way is the front: world frames are z up, the front of the scene faces -y.

The export turns z up into glTF's y up, where that front looks along +z, as glTF wants it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reconstruction_api.poses import PhotoSide

LEVEL_DEGREES: Final = 8.0
"""Typical roll of a photo. Right axes that vary by less say nothing about the vertical beyond being level."""
NADIR_DEGREES: Final = 8.0
"""Spread of viewing directions up to which a survey counts as looking one way."""
NADIR_FLATNESS: Final = 0.2
"""Extent of the points along the view, relative to across it, up to which they count as ground."""
ALL_ROUND: Final = 0.6
"""Mean of a direction that turns with the cameras, below which they went round: an arc of 190 degrees has it."""
COMMON_AXIS: Final = 0.85
"""Mean of a direction of the pictures, from which it is the axis that the cameras went round: rings at heights that are
30 degrees apart have it."""

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Views:
    """Unit axes [N, 3] of cameras in a world, and their positions [N, 3]."""

    right: Vector
    up: Vector
    forward: Vector
    positions: Vector

    @classmethod
    def of(cls, poses: Vector) -> Views:
        """From world-from-camera matrices [N, 4, 4] with axes as in OpenCV."""
        return cls(poses[:, :3, 0], -poses[:, :3, 1], poses[:, :3, 2], poses[:, :3, 3])


def up_from_cameras(poses: Vector, points: Vector, bounded: bool) -> Vector:
    """Unit vector that points up, from how photos are taken: level and not upside down, or all round something with the
    camera on its side.

    `poses` [N, 4, 4] world-from-camera, axes as in OpenCV; `points` [P, 3] of the scene; `bounded` when the scene is
    one object with masks, which is never a landscape seen from above.
    """
    axis = _axis_across_the_pictures(poses)
    return axis if axis is not None else _up_from_level_cameras(poses, points, bounded)


def _up_from_level_cameras(poses: Vector, points: Vector, bounded: bool) -> Vector:
    """What the cameras' right axes have in common to be orthogonal to (Szeliski, Image Mosaicing, 1996)."""
    views = Views.of(poses)
    values, vectors = np.linalg.eigh(views.right.T @ views.right / len(poses))
    # Eigenvalues are mean squares of the axes' components: the middle one tells whether the axes differ at all.
    if values[1] > np.sin(np.radians(LEVEL_DEGREES)) ** 2:
        return _upright(vectors[:, 0], views)
    if not bounded and _looks_down(views, points):
        return -_unit(views.forward.mean(axis=0))
    level = _unit(views.right.mean(axis=0))
    up = views.up.mean(axis=0)
    return _unit(up - level * (up @ level))


def up_at(side: PhotoSide, poses: Vector, points: Vector) -> Vector:
    """Unit vector that points up, where that is known to be at one side of the photos. Arguments as above."""
    if side is PhotoSide.TOWARDS_CAMERA:
        return -_unit(poses[:, :3, 2].mean(axis=0))
    turned = poses.copy()
    turned[:, :3, :3] = poses[:, :3, :3] @ _ROLLS[side]
    up = _up_from_level_cameras(turned, points, bounded=True)
    return up if float(Views.of(turned).up.mean(axis=0) @ up) >= 0 else -up


_ROLLS: Final = {
    PhotoSide.TOP: np.eye(3),
    PhotoSide.RIGHT: np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]),
    PhotoSide.BOTTOM: np.diag([-1.0, -1, 1]),
    PhotoSide.LEFT: np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]),
}
"""Axes of a camera that was turned until the side is at the top, in those of the camera as it was. [3, 3]"""


def rotation_to_world(up: Vector, poses: Vector) -> Vector:
    """Rotation [3, 3] that turns `up` to +z and the mean horizontal viewing direction to +y: what the photos mostly
    show then faces -y. Where the views cancel out (all around, straight down) the first photo decides."""
    views = Views.of(poses)
    candidates = [views.forward.mean(axis=0), views.forward[0], views.up[0], views.right[0]]
    horizontals = [candidate - up * (candidate @ up) for candidate in candidates]
    forward = _unit(next(h for h in horizontals if np.linalg.norm(h) > 0.15))
    return np.stack([np.cross(forward, up), forward, up])


def _axis_across_the_pictures(poses: Vector) -> Vector | None:
    """Unit vector up of what stands on a turntable, or was walked around, with the camera on its side: the axis that
    all cameras went round, the way against which they look. None where the axis is upright in the pictures, or where
    they didn't go round.

    A direction of the pictures that is the same one of the world in all of them is the axis of the rotations between
    them: the mean of the rotations keeps its length, and shortens what turns (its singular values).
    """
    world, lengths, camera = np.linalg.svd(poses[:, :3, :3].mean(axis=0))
    across, down, _ = np.abs(camera[0])
    if lengths[0] < COMMON_AXIS or lengths[1] > ALL_ROUND or across < down or across < np.sqrt(0.5):
        return None
    axis = world[:, 0]
    return axis if float((poses[:, :3, 2] @ axis).mean()) <= 0 else -axis


def _upright(axis: Vector, views: Views) -> Vector:
    """`axis` or its opposite: the one along which pictures are upright, or, where they lie flat (aerial photos), the
    one against which cameras look."""
    along = float((views.up @ axis).mean())
    if abs(along) < 0.25:
        along = -float((views.forward @ axis).mean())
    return axis if along >= 0 else -axis


def _looks_down(views: Views, points: Vector) -> bool:
    """Whether this is a landscape from above rather than a wall from the front. Both are flat and seen square on; but
    only in the air do cameras also travel along their own up axis, at a distance that compares with the scene."""
    forward = _unit(views.forward.mean(axis=0))
    parallel = np.degrees(np.arccos(np.clip(views.forward @ forward, -1, 1)))
    if np.sqrt((parallel**2).mean()) > NADIR_DEGREES or len(points) < 10:
        return False
    middle = np.median(points, axis=0)
    depth = (points - middle) @ forward
    across = np.linalg.norm((points - middle) - depth[:, None] * forward, axis=1)
    flat = np.percentile(np.abs(depth), 80) < NADIR_FLATNESS * np.percentile(across, 80)
    travelled = np.ptp(views.positions @ _unit(views.up.mean(axis=0)))
    distance = float(np.median((points - views.positions.mean(axis=0)) @ forward))
    return bool(flat and travelled > 0.25 * distance)


def _unit(vector: Vector) -> Vector:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)
