"""Planes of a photo beside its main one: the walls and the ground of a street, the floor of a room.

A patch that lies on a slanted surface looks different from elsewhere unless it is slanted as well (D. Gallup et al.,
"Real-time plane-sweeping stereo with multiple sweeping directions", CVPR 2007). The sparse points tell how: those that
lie on one plane are linear in the picture in their inverse depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .cameras import project
from .rendering import Camera
from .semiglobal import smoothest
from .sweep import Planes

MOST: Final = 4
"""Planes that are looked for beside the main one."""
FEWEST, LEAST_SHARE = 12, 0.08
"""Points that a plane must have, at least, and as a share of all."""
WIDE: Final = 96
"""Planes of the main family up to which there are no others: where all is nearly as far away, patches that lie as it
does are slanted enough."""
TRIPLES: Final = 400
"""Of points, through which planes are laid to see how many others lie on them."""
FLAT: Final = 1e-4
"""Determinant below which three points of a picture are all but on a line."""
NEAR: Final = 1.5
"""How far points may be from their plane, in steps of the main one's depths."""
REACH: Final = 16
"""Steps on each side of a plane that are tried."""
NOWHERE: Final = 1.5
"""Cost of what is behind the camera: more than that of what can't be compared."""

Array = NDArray[np.float64]


def families(camera: Camera, main: Planes, points: Array) -> list[Planes]:
    """The main family, and those around the planes on which most of the other `points` [N, 3] lie."""
    result = [main]
    if len(main.offsets) <= WIDE:
        return result
    pixels, depth = project(camera, points)
    ahead = depth > 0
    u, v = (pixels[ahead, 0] - camera.cx) / camera.fx, (pixels[ahead, 1] - camera.cy) / camera.fy
    design, inverse = np.stack([np.ones_like(u), u, v], axis=1), 1 / depth[ahead]
    step = float(main.offsets[1] - main.offsets[0])
    fewest, random = max(FEWEST, LEAST_SHARE * len(inverse)), np.random.default_rng(0)
    for _ in range(MOST):
        slope = _plane(design, inverse, NEAR * step, random) if len(inverse) >= fewest else None
        if slope is None or (np.abs(design @ slope - inverse) < NEAR * step).sum() < fewest:
            break
        result.append(Planes(slope, np.arange(-REACH, REACH + 1, dtype=np.float64) * step))
        rest = np.abs(design @ slope - inverse) >= 2 * NEAR * step
        design, inverse = design[rest], inverse[rest]
    return result


def smoothest_depth(
    camera: Camera, planes: Sequence[Planes], costs: Sequence[NDArray[np.float32]], grey: NDArray[np.float32]
) -> tuple[Array, NDArray[np.bool_]]:
    """Inverse z-depth at each pixel, and where it is within its family's range. [H, W] each

    `costs` [D, H, W] are those of each family's planes, `grey` [H, W] is the photo. A step from a plane to the next of
    its family is cheap, one to another family costs what an edge does.
    """
    label = smoothest(np.concatenate(costs), grey)
    inverse, known, first = np.zeros(label.shape), np.zeros(label.shape, np.bool_), 0
    for family in planes:
        count = len(family.offsets)
        index = label - first
        mine = (index >= -0.5) & (index < count - 0.5)
        inverse[mine] = family.inverse_depth(camera, index)[mine]
        known[mine] = ((index > 0) & (index < count - 1))[mine]
        first += count
    return inverse, known


def _plane(design: Array, inverse: Array, near: float, random: np.random.Generator) -> Array | None:
    """Coefficients [3] of the plane that most points lie on; None where too few lie on any."""
    triples = random.integers(0, len(inverse), (TRIPLES, 3))
    corners = design[triples]
    triples = triples[np.abs(np.linalg.det(corners)) > FLAT]
    if not len(triples):
        return None
    slopes = np.linalg.solve(design[triples], inverse[triples][..., None])[..., 0]
    on = np.abs(design @ slopes.T - inverse[:, None]) < near
    best = int(on.sum(axis=0).argmax())
    slope, mine = slopes[best], on[:, best]
    for _ in range(3):
        if mine.sum() < FEWEST:
            return None
        slope = np.asarray(np.linalg.lstsq(design[mine], inverse[mine])[0], np.float64)
        mine = np.abs(design @ slope - inverse) < near
    return slope
