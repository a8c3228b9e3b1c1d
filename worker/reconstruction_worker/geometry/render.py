"""A small renderer, to look at a mesh from a camera: textured, shaded, or as wires. Slow but exact; needs no GPU."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .cameras import cropped, pixel_rays
from .mesh import Mesh, face_normals, vertex_normals
from .raycast import Caster, Hits
from .rendering import Camera

Picture = NDArray[np.uint8]
Shader = Callable[[Hits, NDArray[np.float64]], NDArray[np.float32]]
"""Colour [..., 3] in 0..1 of what rays [..., 3] have met."""

RAYS_AT_ONCE = 1 << 18
"""400 bytes each while colours are looked up."""
CLAY = np.array([0.78, 0.76, 0.73], np.float32)
WIRE = np.array([0.10, 0.32, 0.62], np.float32)
PAPER = np.array([0.95, 0.96, 0.97], np.float32)
WIRE_PIXELS, WIRE_SHARE = 0.8, 0.12
"""Width of a line in pixels; thinner where that would be more than this share of a triangle's height."""


def render(caster: Caster, camera: Camera, shader: Shader, samples: int = 2) -> Picture:
    """What a camera sees, with `samples` x `samples` rays a pixel; transparent where there is no surface. In bands, so
    that large pictures take little more memory than their pixels.

    Returns RGBA, not premultiplied. [H, W, 4]
    """
    rows = max(1, RAYS_AT_ONCE // (camera.width * samples**2))
    if rows >= camera.height:
        return _rendered(caster, camera, shader, samples)
    bands = [
        cropped(camera, 0, top, camera.width, min(top + rows, camera.height)) for top in range(0, camera.height, rows)
    ]
    return np.concatenate([_rendered(caster, band, shader, samples) for band in bands])


def _rendered(caster: Caster, camera: Camera, shader: Shader, samples: int) -> Picture:
    fine = camera.scaled(samples)
    rays = pixel_rays(fine)
    hits = caster.cast(fine.camera_to_world[:3, 3], rays)
    colour = shader(hits, rays) * hits.hit[..., None]
    blocks = (camera.height, samples, camera.width, samples)
    alpha = hits.hit.astype(np.float32).reshape(blocks).mean(axis=(1, 3))
    mean = colour.reshape(*blocks, 3).mean(axis=(1, 3)) / np.maximum(alpha, 1e-6)[..., None]
    return (np.concatenate([mean, alpha[..., None]], axis=-1).clip(0, 1) * 255 + 0.5).astype(np.uint8)


def textured(mesh: Mesh, uv: NDArray[np.floating], texture: Picture) -> Shader:
    """The texture's colour without lighting. `uv` [V, 2] from the picture's upper left corner; `texture` [H, W, 3]."""

    def shade(hits: Hits, rays: NDArray[np.float64]) -> NDArray[np.float32]:
        return sample(texture, hits.interpolate(mesh.faces, uv)) / np.float32(255)

    return shade


def shaded(mesh: Mesh) -> Shader:
    """Plain clay, lit from the camera and from above, with smooth normals."""
    normals = vertex_normals(mesh)

    def shade(hits: Hits, rays: NDArray[np.float64]) -> NDArray[np.float32]:
        normal = hits.interpolate(mesh.faces, normals)
        normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
        return (CLAY * _light(normal, rays)[..., None]).astype(np.float32)

    return shade


def wireframe(mesh: Mesh, camera: Camera, samples: int = 2) -> Shader:
    """The triangles' edges over a light surface; for `camera` rendered with as many `samples`."""
    normals = face_normals(mesh)
    a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    sides = np.stack([np.linalg.norm(q - p, axis=1) for p, q in ((b, c), (c, a), (a, b))], axis=1)
    heights = area[:, None] / np.maximum(sides, 1e-12)  # of each corner above the opposite side

    def shade(hits: Hits, rays: NDArray[np.float64]) -> NDArray[np.float32]:
        face = np.maximum(hits.face, 0)
        pixel = np.where(hits.hit, hits.distance, 1) / (camera.fx * samples)
        nearest = (hits.weights * heights[face]).min(axis=-1) / pixel
        width = np.minimum(WIRE_PIXELS * samples, WIRE_SHARE * heights[face].min(axis=-1) / pixel)
        line = np.clip(width + 0.5 - nearest, 0, 1)[..., None].astype(np.float32)
        surface = PAPER * _light(normals[face], rays)[..., None]
        return (surface * (1 - 0.85 * line) + WIRE * 0.85 * line).astype(np.float32)

    return shade


def sample(texture: Picture, uv: NDArray[np.floating]) -> NDArray[np.float32]:
    """Bilinear colours [..., 3] (0..255) at `uv` [..., 2], (0, 0) being the picture's upper left corner."""
    height, width = texture.shape[:2]
    x = np.clip(uv[..., 0] * width - 0.5, 0, width - 1)
    y = np.clip(uv[..., 1] * height - 0.5, 0, height - 1)
    left, top = np.minimum(x.astype(int), width - 2), np.minimum(y.astype(int), height - 2)
    u, v = (x - left)[..., None], (y - top)[..., None]
    upper = texture[top, left] * (1 - u) + texture[top, left + 1] * u
    lower = texture[top + 1, left] * (1 - u) + texture[top + 1, left + 1] * u
    return (upper * (1 - v) + lower * v).astype(np.float32)


def over(picture: Picture, background: NDArray[np.floating]) -> Picture:
    """An RGBA picture on a plain background [3] (0..1). [H, W, 3]"""
    alpha = picture[..., 3:] / 255
    return (picture[..., :3] * alpha + np.asarray(background) * 255 * (1 - alpha) + 0.5).astype(np.uint8)


def _light(normal: NDArray[np.floating], rays: NDArray[np.float64]) -> NDArray[np.float32]:
    """Brightness 0..1 of a matt surface, both sides alike."""
    towards = -(normal * rays).sum(axis=-1)
    above = np.where(towards < 0, -1, 1) * normal[..., 2]
    return (0.25 + 0.6 * np.abs(towards) + 0.15 * np.clip(above, 0, 1)).astype(np.float32)
