"""Small scenes with a known shape and colour: a mesh, posed photos of it, and a field that sees exactly that mesh."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image

from reconstruction_worker.geometry.mesh import Mesh
from reconstruction_worker.geometry.raycast import Caster
from reconstruction_worker.geometry.rendering import Camera, Rendering
from reconstruction_worker.geometry.scene import View


def bumpy_sphere(radius: float = 0.6) -> Mesh:
    """A closed surface with bumps, so that no two sides look alike."""
    sphere = trimesh.creation.icosphere(subdivisions=5, radius=radius)
    x, y, z = np.asarray(sphere.vertices).T / radius
    bumps = 1 + 0.12 * np.sin(5 * x) * np.sin(4 * y) * np.sin(6 * z + 1)
    return Mesh(np.asarray(sphere.vertices) * bumps[:, None], np.asarray(sphere.faces, np.int32))


def hills(side: float = 1.6, steps: int = 80) -> Mesh:
    """An open sheet of terrain, normals up."""
    line = np.linspace(-side / 2, side / 2, steps)
    x, y = np.meshgrid(line, line, indexing="ij")
    z = 0.15 * np.sin(3 * x) * np.cos(4 * y)
    index = np.arange(steps * steps).reshape(steps, steps)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    return Mesh(np.stack([x, y, z], -1).reshape(-1, 3), faces.astype(np.int32))


def paint(points: NDArray[np.floating]) -> NDArray[np.float32]:
    """A smooth colour for each point in space. [..., 3] -> [..., 3] in 0..1"""
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    return np.stack(
        [0.5 + 0.4 * np.sin(6 * x + 2 * z), 0.5 + 0.4 * np.sin(7 * y - 1), 0.5 + 0.4 * np.cos(5 * z + 3 * x)], -1
    ).astype(np.float32)


@dataclass(frozen=True)
class MeshField:
    """A field that is a painted mesh: what a perfectly trained engine would show."""

    mesh: Mesh
    noise: float = 0.0

    @cached_property
    def caster(self) -> Caster:
        return Caster(self.mesh)

    def render(self, camera: Camera) -> Rendering:
        hits = self.caster.view(camera)
        points = hits.interpolate(self.mesh.faces, self.mesh.vertices)
        rgb = np.where(hits.hit[..., None], paint(points), np.float32(0))
        distance = np.where(hits.hit, hits.distance, np.float32(10))
        if self.noise:
            distance = distance + np.random.default_rng(camera.width).normal(0, self.noise, distance.shape)
        return Rendering(rgb.astype(np.float32), hits.hit.astype(np.float32), distance.astype(np.float32))


class EmptyField:
    """A field in which training found nothing."""

    def render(self, camera: Camera) -> Rendering:
        shape = (camera.height, camera.width)
        return Rendering(np.zeros((*shape, 3), np.float32), np.zeros(shape, np.float32), np.full(shape, 5, np.float32))


def look_at(eye: NDArray[np.floating], size: int = 160, target: tuple[float, float, float] = (0, 0, 0)) -> Camera:
    """A camera at `eye` that looks at `target` with the world's z up, 45 degrees wide."""
    back = np.asarray(eye, np.float64) - target
    back /= np.linalg.norm(back)
    right = np.cross([0, 0, 1] if abs(back[2]) < 0.99 else [0, 1, 0], back)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3] = np.stack([right, np.cross(back, right), back, np.asarray(eye, np.float64)], axis=1)
    focal = size / 2 / np.tan(np.radians(22.5))
    return Camera(pose, focal, focal, size / 2, size / 2, size, size)


def around(count: int, distance: float = 2.2, low: float = -0.6, high: float = 0.8, size: int = 160) -> list[Camera]:
    """Cameras on a spiral around the origin; `low` and `high` bound the sine of their elevation."""
    height = low + (high - low) * (np.arange(count) + 0.5) / count
    turn = np.arange(count) * np.pi * (3 - 5**0.5)
    across = np.sqrt(1 - height**2)
    eyes = distance * np.stack([across * np.cos(turn), across * np.sin(turn), height], axis=1)
    return [look_at(eye, size) for eye in eyes]


def in_front(count: int, distance: float = 2.2, size: int = 160) -> list[Camera]:
    """Cameras within 50 degrees of the -y axis."""
    rng = np.random.default_rng(1)
    turn, tilt = np.radians(rng.uniform(-50, 50, count)), np.radians(rng.uniform(-25, 25, count))
    eyes = distance * np.stack([np.cos(tilt) * np.sin(turn), -np.cos(tilt) * np.cos(turn), np.sin(tilt)], axis=1)
    return [look_at(eye, size) for eye in eyes]


def from_above(size: int = 160) -> list[Camera]:
    """A grid of cameras that look straight down, like a survey flight."""
    line = (-0.5, -0.17, 0.17, 0.5)
    return [look_at(np.array([x, y - 1e-3, 2.0]), size, (x, y, 0)) for x in line for y in line]


def write_poses(workspace: Path, field: MeshField, cameras: list[Camera], bounded: bool = True) -> None:
    """`poses/transforms.json` and the photos, as the stage `poses` leaves them."""
    images = workspace / "poses" / "images"
    images.mkdir(parents=True)
    frames = []
    for index, camera in enumerate(cameras):
        seen = field.render(camera)
        rgba = np.concatenate([seen.rgb, seen.alpha[..., None]], axis=-1)
        picture = Image.fromarray((rgba * 255 + 0.5).astype(np.uint8), "RGBA")
        name = f"IMG_{index:04d}.png"
        (picture if bounded else picture.convert("RGB")).save(images / name)
        frames.append({"file_path": f"poses/images/{name}", "transform_matrix": camera.camera_to_world.tolist()})
    one = cameras[0]
    document = {
        "camera_model": "PINHOLE",
        "fl_x": one.fx,
        "fl_y": one.fy,
        "cx": one.cx,
        "cy": one.cy,
        "w": one.width,
        "h": one.height,
        "frames": frames,
        "scene": {"kind": "bounded" if bounded else "open", "box": [[-1] * 3, [1] * 3], "near": 0.8, "far": 4.0},
        "worldFromModel": np.eye(4).tolist(),
        "metresPerUnit": None,
        "upFrom": "cameras",
        "hasAlpha": bounded,
    }
    (workspace / "poses" / "transforms.json").write_text(json.dumps(document), encoding="utf-8")


def speckled(view: View, truth: Mesh) -> None:
    """Replace a photo by one of a surface with fine, irregular detail."""
    hits = Caster(truth).view(view.camera)
    points = hits.interpolate(truth.faces, truth.vertices)
    grey = (
        0.5
        + 0.25 * np.sin(points @ [61, 37, 23]) * np.sin(points @ [-29, 53, 41])
        + 0.2 * np.sin(points @ [17, -71, 67])
    )
    photo = np.dstack([grey, grey, grey, hits.hit]).clip(0, 1)
    Image.fromarray((photo * 255).astype(np.uint8), "RGBA").save(view.image)
