"""A Gaussian for each pixel of the depth maps: a disc on the surface, as wide as the pixel is there.

Where two photos show the same place, the one that sees it best has it; the others' discs would only blur its picture.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ...geometry.cameras import pixel_rays
from ...geometry.coloured_mesh import ColouredMesh
from ...geometry.gaussians import Gaussians
from ...geometry.harmonics import CONSTANT
from ...geometry.mesh import vertex_normals
from ...geometry.raycast import Caster
from ...geometry.render import sample
from ...geometry.scene import View

SPREAD = 0.6
"""Standard deviation of a disc along the surface, in pixels: no gaps, and no more blur than that takes."""
THICKNESS = 0.1
"""Across it."""
STEEP = 0.25
"""Cosine between ray and surface below which another photo, or a neighbouring pixel, shows the place better."""
OPACITY = 0.95
MOST = 1_500_000
"""Gaussians; of more, each photo gives fewer, larger ones."""


def pixel_gaussians(surface: ColouredMesh, views: Sequence[View]) -> Gaussians:
    """What the photos show of the surface. Colours are the same from all sides."""
    mesh = surface.mesh
    caster, normals = Caster(mesh), vertex_normals(mesh)
    pixels = sum(view.camera.width * view.camera.height for view in views)
    factor = min(1.0, (MOST / max(pixels, 1)) ** 0.5)
    parts: list[tuple[NDArray[np.floating], ...]] = []
    for number, view in enumerate(views):
        camera = view.camera.scaled(factor)
        hits, rays = caster.view(camera), pixel_rays(camera)
        normal = hits.interpolate(mesh.faces, normals).astype(np.float64)
        normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
        cosine = -(normal * rays).sum(axis=-1)
        photo = view.photo()
        column, row = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
        places = np.stack([column / camera.width, row / camera.height], axis=-1)
        shown = hits.hit & (sample(photo[..., 3:].repeat(3, axis=2), places)[..., 0] > 250)
        kept = shown & (cosine > STEEP)
        points = camera.camera_to_world[:3, 3] + rays[kept] * hits.distance[kept][:, None]
        best = _is_best(points, normal[kept], cosine[kept] * camera.fx / hits.distance[kept], number, views, caster)
        colours = sample(photo[..., :3], places[kept])[best] / 255
        width = (hits.distance[kept] / camera.fx)[best]
        parts.append((points[best], normal[kept][best], rays[kept][best], cosine[kept][best], width, colours))
    points, normal, rays, cosine, width, colours = (np.concatenate(part) for part in zip(*parts, strict=True))
    scales = SPREAD * width[:, None] * np.stack([1 / cosine, np.ones_like(cosine), np.full_like(cosine, THICKNESS)], 1)
    return Gaussians(
        means=points.astype(np.float32),
        scales=scales.astype(np.float32),
        rotations=_lying(normal, rays),
        opacities=np.full(len(points), OPACITY, np.float32),
        harmonics=((colours - 0.5) / CONSTANT).astype(np.float32)[:, None],
        antialiased=True,
    )


def _is_best(
    points: NDArray[np.float64],
    normals: NDArray[np.float64],
    fineness: NDArray[np.float64],
    number: int,
    views: Sequence[View],
    caster: Caster,
) -> NDArray[np.bool_]:
    """Whether no other photo shows a point finer, of those from which nothing hides it. [N]"""
    best = np.ones(len(points), np.bool_)
    for other, view in enumerate(views):
        if other == number or not best.any():
            continue
        camera = view.camera
        to = camera.camera_to_world[:3, 3] - points
        away = np.linalg.norm(to, axis=1)
        direction = to / away[:, None]
        finer = (normals * direction).sum(axis=1) * camera.fx / away
        local = -to @ camera.camera_to_world[:3, :3]
        depth = np.maximum(-local[:, 2], 1e-9)
        column, row = local[:, 0] / depth * camera.fx + camera.cx, -local[:, 1] / depth * camera.fy + camera.cy
        inside = (column >= 0) & (row >= 0) & (column < camera.width) & (row < camera.height) & (local[:, 2] < 0)
        rival = np.flatnonzero(best & inside & ((finer > fineness) | ((finer == fineness) & (other < number))))
        slack = 2 * away[rival] / camera.fx
        free = caster.cast(points[rival] + direction[rival] * slack[:, None], direction[rival]).distance
        best[rival[free > away[rival] - 2 * slack]] = False
    return best


def _lying(normals: NDArray[np.float64], rays: NDArray[np.float64]) -> NDArray[np.float32]:
    """Rotations w, x, y, z [N, 4] that turn the third axis to the normal, the first to where the pixel is drawn out."""
    along = rays - (rays * normals).sum(axis=1, keepdims=True) * normals
    straight = np.linalg.norm(along, axis=1) < 1e-6
    other = np.where(np.abs(normals[:, :1]) < 0.9, [1.0, 0, 0], [0, 1.0, 0])
    along[straight] = np.cross(normals, other)[straight]
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    turns = Rotation.from_matrix(np.stack([along, np.cross(normals, along), normals], axis=2))
    return np.roll(turns.as_quat(), 1, axis=1).astype(np.float32)
