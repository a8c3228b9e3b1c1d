"""What was cut off a scene, for people to look at: before and after from where a photo was taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .cameras import project
from .mesh import Mesh
from .raycast import Caster, Hits
from .render import CLAY, Shader, over, render, shaded
from .rendering import Camera

HEIGHT: Final = 420
CUT: Final = np.array([0.86, 0.44, 0.34], np.float32)
"""Colour of what was left out."""
WHITE: Final = np.ones(3)


def crop_picture(coarse: Mesh, kept: NDArray[np.bool_], mesh: Mesh, cameras: Sequence[Camera]) -> Image.Image:
    """The coarse surface of everything, with what is not `kept` [F] in red, beside the mesh that came of it; from the
    camera that shows the most of it."""
    seen = max(cameras, key=lambda camera: _shown(camera, mesh.vertices))
    camera = seen.scaled(min(1.0, HEIGHT / seen.height))
    before = render(Caster(coarse), camera, _marked(coarse, kept))
    after = render(Caster(mesh), camera, shaded(mesh))
    return Image.fromarray(np.hstack([over(before, WHITE), over(after, WHITE)]))


def _shown(camera: Camera, points: NDArray[np.float64]) -> float:
    """Share of points [N, 3] in a camera's picture, and of two with the same the one to which they are larger."""
    some = points[:: max(len(points) // 500, 1)]
    pixels, depth = project(camera, some)
    inside = (depth > 0) & (pixels >= 0).all(axis=1) & (pixels < (camera.width, camera.height)).all(axis=1)
    if not inside.any():
        return 0.0
    size = float(np.ptp(pixels[inside], axis=0).max()) / max(camera.width, camera.height)
    return round(float(inside.mean()), 1) + 0.05 * size


def _marked(mesh: Mesh, kept: NDArray[np.bool_]) -> Shader:
    clay = shaded(mesh)
    tints = np.where(kept[:, None], np.float32(1), CUT / CLAY).astype(np.float32)

    def shade(hits: Hits, rays: NDArray[np.float64]) -> NDArray[np.float32]:
        return clay(hits, rays) * tints[np.maximum(hits.face, 0)]

    return shade
