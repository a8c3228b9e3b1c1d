"""How well photos hold a surface: how many see each spot of it, and from how different directions.

Where two rays meet at a small angle, or only one photo looks, nothing measures the depth: the surface there is what the
trained field, or the closing of a hole, has made of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .cameras import project
from .mesh import Mesh
from .raycast import Caster
from .rendering import Camera

BUFFER_SIDE: Final = 480
"""Longest side of the depth buffers that decide on what hides what, in pixels."""
MOST_CAMERAS: Final = 240
"""Of more, so many are looked at, evenly taken: the levels below need three."""
MIN_COSINE: Final = 0.15
"""Photos that see a spot flatter than this do not count."""
SLACK: Final = 0.004
"""What a surface may hide behind itself, as a share of the mesh's size."""
TWO_DEGREES, MANY_DEGREES = 2.0, 8.0
"""Between the outermost directions from which a spot is seen, at least, for the levels below."""


class Support(IntEnum):
    """What holds a spot of the surface."""

    NONE = 0
    """No photo shows it."""
    ONE = 1
    """One photo shows it, or several from nearly the same direction: its depth is not measured."""
    TWO = 2
    """Two photos show it, or more from directions that differ little."""
    MANY = 3
    """Three photos or more from clearly different directions."""


def photo_support(
    mesh: Mesh, normals: NDArray[np.floating], cameras: Sequence[Camera], caster: Caster | None = None
) -> NDArray[np.uint8]:
    """The level of `Support` of each vertex. `normals` [V, 3] are unit vectors. [V]"""
    points = mesh.vertices
    count, total = np.zeros(len(points), np.int32), np.zeros((len(points), 3))
    if not cameras:
        return np.full(len(points), Support.NONE, np.uint8)
    caster = caster or Caster(mesh)
    slack = SLACK * float(np.ptp(mesh.bounds(), axis=0).max())
    for index in np.unique(np.linspace(0, len(cameras) - 1, MOST_CAMERAS).astype(int)):
        towards, seen = _seen(caster, cameras[index], points, normals, slack)
        count += seen
        total[seen] += towards[seen]
    # Of two directions this is the angle between them; of more, twice their mean distance from their middle.
    spread = 2 * np.degrees(np.arccos(np.clip(np.linalg.norm(total, axis=1) / np.maximum(count, 1), 0, 1)))
    level = np.minimum(count, 1)
    level[(count >= 2) & (spread >= TWO_DEGREES)] = Support.TWO
    level[(count >= 3) & (spread >= MANY_DEGREES)] = Support.MANY
    return level.astype(np.uint8)


def _seen(
    caster: Caster,
    camera: Camera,
    points: NDArray[np.float64],
    normals: NDArray[np.floating],
    slack: float,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Unit directions [V, 3] from the points to a camera, and whether it sees them [V]."""
    small = camera.scaled(min(1.0, BUFFER_SIDE / max(camera.width, camera.height)))
    distance = caster.view(small).distance
    away = small.camera_to_world[:3, 3] - points
    reach = np.maximum(np.linalg.norm(away, axis=1), 1e-12)
    towards = away / reach[:, None]
    cosine = np.einsum("nk,nk->n", towards, normals)
    pixels, depth = project(small, points)
    inside = (depth > 0) & (pixels >= 0).all(axis=1) & (pixels < (small.width, small.height)).all(axis=1)
    seen = inside & (cosine >= MIN_COSINE)
    column, row = pixels[seen].astype(int).T
    steep = np.sqrt(1 - np.minimum(cosine[seen] ** 2, 1)) / cosine[seen]
    seen[seen] = reach[seen] <= distance[row, column] + slack + 1.5 * steep * reach[seen] / small.fx
    return towards, seen
