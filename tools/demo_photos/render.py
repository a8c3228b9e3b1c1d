"""Photographs a textured mesh: super-sampled ray casting with light that does not depend on the viewer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image
from trimesh.visual import TextureVisuals

from .cameras import View

AMBIENT, DIRECT = 0.8, 0.4
LIGHT = np.array([0.35, 0.75, 0.56])
"""Direction towards a large soft light: above, in front, a little to the right."""


@dataclass(frozen=True)
class TexturedMesh:
    """A mesh with a texture; `uv` in [0, 1] with v upwards, `texture` [H, W, 3] in 0..1 with row 0 at the top."""

    mesh: trimesh.Trimesh
    uv: NDArray[np.float32]  # [V, 2]
    shade: NDArray[np.float32]  # [V], light that reaches each vertex
    triangles: NDArray[np.float32]  # [F, 3, 3], corners of the faces
    texture: NDArray[np.float32]

    @classmethod
    def load(cls, mesh_file: Path, texture_file: Path) -> TexturedMesh:
        """An OBJ file with texture coordinates, and its picture."""
        mesh = trimesh.load_mesh(mesh_file, process=False)
        visual = cast(TextureVisuals, mesh.visual)
        facing = np.clip(_smooth_normals(mesh) @ (LIGHT / np.linalg.norm(LIGHT)), 0, 1)
        texture = np.asarray(Image.open(texture_file).convert("RGB"), dtype=np.float32) / np.float32(255)
        uv, shade = np.asarray(visual.uv, dtype=np.float32), (AMBIENT + DIRECT * facing).astype(np.float32)
        return cls(mesh, uv, shade, mesh.triangles.astype(np.float32), texture)

    @property
    def centre(self) -> NDArray[np.float64]:
        return self.mesh.bounds.mean(axis=0)

    @property
    def radius(self) -> float:
        """Of the sphere around `centre` that holds the mesh."""
        return float(np.linalg.norm(self.mesh.vertices - self.centre, axis=1).max())


def photograph(scene: TexturedMesh, view: View, samples: int = 3) -> Image.Image:
    """What `view` sees, as RGBA: alpha is the share of a pixel that the object covers, colours are not premultiplied.
    Each pixel is the mean of `samples` x `samples` rays."""
    left, top, right, bottom = _bounds(scene.mesh, view)
    height, width = bottom - top, right - left
    origin, directions = _rays(view, samples, (left, top, right, bottom))
    faces = scene.mesh.ray.intersects_first(np.broadcast_to(origin, directions.shape), directions)
    hit = faces >= 0
    colours = np.zeros((len(faces), 4), dtype=np.float32)
    colours[hit, :3] = _surface_colour(scene, faces[hit], origin, directions[hit])
    colours[hit, 3] = 1
    pixels = colours.reshape(height, samples, width, samples, 4).mean(axis=(1, 3))
    pixels[..., :3] /= np.maximum(pixels[..., 3:], 1e-6)
    image = np.zeros((view.size, view.size, 4), dtype=np.uint8)
    image[top:bottom, left:right] = pixels * 255 + 0.5
    return Image.fromarray(image)


def _bounds(mesh: trimesh.Trimesh, view: View) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the pixels that can show the mesh; no ray is spent on the others."""
    local = (mesh.vertices - view.camera_to_world[:3, 3]) @ view.camera_to_world[:3, :3]
    x, y = local[:, 0] / -local[:, 2], local[:, 1] / local[:, 2]
    edges = np.array([x.min(), y.min(), x.max(), y.max()]) * view.focal + view.size / 2
    left, top = np.floor(edges[:2]).astype(int)
    right, bottom = np.ceil(edges[2:]).astype(int)
    return max(left, 0), max(top, 0), min(right, view.size), min(bottom, view.size)


def _rays(view: View, samples: int, window: tuple[int, int, int, int]) -> tuple[NDArray[np.float32], ...]:
    """Origin [3] and directions [rows * columns * samples^2, 3] in the world of the rays through a window (left, top,
    right, bottom) of the image, row by row from its upper left corner."""
    left, top, right, bottom = window
    columns = left + (np.arange((right - left) * samples) + 0.5) / samples - view.size / 2
    rows = top + (np.arange((bottom - top) * samples) + 0.5) / samples - view.size / 2
    x, y = np.meshgrid(columns / view.focal, -rows / view.focal)
    directions = np.stack([x, y, np.full_like(x, -1.0)], axis=-1).reshape(-1, 3).astype(np.float32)
    pose = view.camera_to_world.astype(np.float32)
    return pose[:3, 3], directions @ pose[:3, :3].T


def _surface_colour(
    scene: TexturedMesh, faces: NDArray[np.int64], origin: NDArray[np.float32], directions: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Lit texture colour [N, 3] where rays [N, 3] meet their faces [N] (Möller and Trumbore, 1997)."""
    corners = scene.triangles[faces]
    edge1, edge2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    p, s = np.cross(directions, edge2), origin - corners[:, 0]
    determinant = np.einsum("ij,ij->i", edge1, p)
    determinant = np.where(np.abs(determinant) < 1e-9, 1e-9, determinant)
    u = np.einsum("ij,ij->i", s, p) / determinant
    v = np.einsum("ij,ij->i", directions, np.cross(s, edge1)) / determinant
    weights = np.clip(np.stack([1 - u - v, u, v], axis=1), 0, 1)
    vertices = scene.mesh.faces[faces]
    uv = np.einsum("ij,ijk->ik", weights, scene.uv[vertices])
    shade = np.einsum("ij,ij->i", weights, scene.shade[vertices])
    return np.minimum(_bilinear(scene.texture, uv) * shade[:, None], 1)


def _bilinear(texture: NDArray[np.float32], uv: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = texture.shape[:2]
    x = np.clip(uv[:, 0] * width - 0.5, 0, width - 1.001)
    y = np.clip((1 - uv[:, 1]) * height - 0.5, 0, height - 1.001)
    column, row = x.astype(np.int64), y.astype(np.int64)
    fx, fy = (x - column)[:, None], (y - row)[:, None]
    upper = texture[row, column] * (1 - fx) + texture[row, column + 1] * fx
    lower = texture[row + 1, column] * (1 - fx) + texture[row + 1, column + 1] * fx
    return upper * (1 - fy) + lower * fy


def _smooth_normals(mesh: trimesh.Trimesh) -> NDArray[np.float64]:
    """Vertex normals [V, 3] that agree across texture seams, where the mesh holds a vertex more than once."""
    _, merged = np.unique(np.round(mesh.vertices, 6), axis=0, return_inverse=True)
    sums = np.zeros((merged.max() + 1, 3))
    for corner in range(3):
        np.add.at(sums, merged[mesh.faces[:, corner]], mesh.face_normals * mesh.area_faces[:, None])
    return trimesh.util.unitize(sums)[merged]
