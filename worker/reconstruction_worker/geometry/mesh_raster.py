"""Draws a textured mesh for a camera, triangle by triangle, without lighting: for many pictures of one model, where
casting rays would take ten times as long.

Rows of the picture are divided into bands, which threads share; a pixel shows the nearest triangle whose edges hold
its centre, and what two triangles share has no gap, for edges belong to both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..compiled import threaded
from .cameras import project
from .mesh import Mesh
from .render import Picture
from .rendering import Camera

BAND: Final = 32
"""Rows."""
_NEAR: Final = 1e-6
"""Of the mesh's extent: nearer corners can't be projected."""


class BehindCamera(Exception):  # noqa: N818 - not an error
    """The mesh reaches behind the camera, whose triangles can't be drawn in this way."""


@dataclass(frozen=True)
class TexturedMesh:
    """What is drawn. `uv` [V, 2] from the picture's upper left corner; `texture` [H, W, 3], of several pages
    below each other."""

    mesh: Mesh
    uv: NDArray[np.float32]
    texture: Picture

    def draw(self, camera: Camera, samples: int = 2) -> Picture:
        """RGBA [H, W, 4], not premultiplied, with `samples` x `samples` points a pixel; transparent where there is no
        surface. Raises BehindCamera."""
        fine = camera.scaled(samples)
        places, depth = project(fine, self.mesh.vertices)
        if depth.min() <= _NEAR * float(np.ptp(self.mesh.bounds(), axis=0).max()):
            raise BehindCamera
        closeness = np.zeros((fine.height, fine.width), np.float32)
        where = np.zeros((fine.height, fine.width, 2), np.float32)
        bands = -(-fine.height // BAND)
        _draw(bands, self.mesh.faces, places, 1 / depth, self.uv, closeness, where)
        picture = np.zeros((camera.height, camera.width, 4), np.uint8)
        _shade(camera.height, closeness, where, self.texture, samples, picture)
        return picture


@threaded()
def _draw(begin, end, faces, places, inverse, uv, closeness, where):  # pragma: no cover - compiled
    """Bands `begin` to `end` of `closeness` [H, W], the inverse depth of what a pixel shows, and of `where` [H, W, 2],
    its place in the texture. `places` [V, 2] are pixels and `inverse` [V] inverse depths of the corners."""
    height, width = closeness.shape
    top, bottom = begin * BAND, min(end * BAND, height)
    for face in range(len(faces)):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        ax, ay, bx, by, cx, cy = places[a, 0], places[a, 1], places[b, 0], places[b, 1], places[c, 0], places[c, 1]
        first, last = max(top, int(np.floor(min(ay, by, cy)))), min(bottom - 1, int(np.floor(max(ay, by, cy))))
        left, right = max(0, int(np.floor(min(ax, bx, cx)))), min(width - 1, int(np.floor(max(ax, bx, cx))))
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if first > last or left > right or area == 0:
            continue
        for row in range(first, last + 1):
            y = row + 0.5
            for column in range(left, right + 1):
                x = column + 0.5
                wa = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / area
                wb = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / area
                wc = 1.0 - wa - wb
                if wa < -1e-9 or wb < -1e-9 or wc < -1e-9:
                    continue
                wa, wb, wc = wa * inverse[a], wb * inverse[b], wc * inverse[c]
                near = wa + wb + wc
                if near <= closeness[row, column]:
                    continue
                closeness[row, column] = near
                where[row, column, 0] = (wa * uv[a, 0] + wb * uv[b, 0] + wc * uv[c, 0]) / near
                where[row, column, 1] = (wa * uv[a, 1] + wb * uv[b, 1] + wc * uv[c, 1]) / near


@threaded()
def _shade(begin, end, closeness, where, texture, samples, picture):  # pragma: no cover - compiled
    """Rows `begin` to `end` of `picture` [H, W, 4]: the mean of what the points of a pixel show of the texture, each
    between four texels."""
    size_y, size_x = texture.shape[0], texture.shape[1]
    seen = np.zeros(3)
    for row in range(begin, end):
        for column in range(picture.shape[1]):
            count = 0
            seen[:] = 0.0
            for point in range(samples * samples):
                r, c = row * samples + point // samples, column * samples + point % samples
                if closeness[r, c] <= 0:
                    continue
                x = min(max(where[r, c, 0] * size_x - 0.5, 0.0), size_x - 1.0)
                y = min(max(where[r, c, 1] * size_y - 0.5, 0.0), size_y - 1.0)
                i, j = min(int(x), size_x - 2), min(int(y), size_y - 2)
                u, v = x - i, y - j
                p, q, s, t = (1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v
                for channel in range(3):
                    upper = p * texture[j, i, channel] + q * texture[j, i + 1, channel]
                    seen[channel] += upper + s * texture[j + 1, i, channel] + t * texture[j + 1, i + 1, channel]
                count += 1
            if count:
                for channel in range(3):
                    picture[row, column, channel] = int(seen[channel] / count + 0.5)
                picture[row, column, 3] = int(255.0 * count / (samples * samples) + 0.5)
