"""Photos of a shape with known poses, and what of it they show."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from reconstruction_worker.geometry.mesh import Mesh, face_normals, with_faces
from reconstruction_worker.geometry.raycast import Caster
from reconstruction_worker.geometry.rendering import Camera

from ..worker_quality.synthetic import clouds
from .shapes import SIDE, Shape

SAMPLES = 3
"""Rays along each side of a pixel."""
WITNESSES = 2
"""Photos that must show a face for it to be asked for."""
STEEPEST = 0.2
"""Cosine between its normal and the rays to these."""


def cameras(shape: Shape) -> list[Camera]:
    focal = shape.focal * SIDE
    return [Camera(pose, focal, focal, SIDE / 2, SIDE / 2, SIDE, SIDE) for pose in shape.poses()]


def write(shape: Shape, folder: Path) -> None:
    """Photos and `transforms.json` with where they were taken from."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if shape.write is not None:
        shape.write(folder)
        return
    mesh, frames = shape.mesh(), []
    caster = Caster(mesh)
    for number, camera in enumerate(cameras(shape)):
        name = f"photo-{number:02d}.png"
        _photograph(mesh, caster, camera, cut_out=shape.cut_out).save(folder / name)
        frames.append({"file_path": name, "transform_matrix": camera.camera_to_world.tolist()})
    focal = shape.focal * SIDE
    lens = {"fl_x": focal, "fl_y": focal, "cx": SIDE / 2, "cy": SIDE / 2, "w": SIDE, "h": SIDE}
    document = {"camera_model": "PINHOLE", **lens, "frames": frames}
    (folder / "transforms.json").write_text(json.dumps(document, indent=1))


def shown(shape: Shape) -> Mesh:
    """The part of the shape that enough photos show, not all too flat."""
    mesh = shape.mesh()
    caster, normals = Caster(mesh), face_normals(mesh)
    middles, seen = mesh.vertices[mesh.faces].mean(axis=1), np.zeros(len(mesh.faces), np.int64)
    for camera in cameras(shape):
        eye = camera.camera_to_world[:3, 3]
        away = np.linalg.norm(middles - eye, axis=1)
        rays = (middles - eye) / away[:, None]
        local = (middles - eye) @ camera.camera_to_world[:3, :3]
        inside = (local[:, 2] < 0) & (np.abs(local[:, :2]) < -local[:, 2:] * (0.5 / shape.focal)).all(axis=1)
        steep = np.abs((rays * normals).sum(axis=1)) > STEEPEST
        asked = np.flatnonzero(inside & steep)
        hits = caster.cast(np.broadcast_to(eye, (len(asked), 3)), rays[asked])
        seen[asked] += hits.distance > away[asked] * (1 - 1e-3)
    return with_faces(mesh, seen >= WITNESSES)


def _photograph(mesh: Mesh, caster: Caster, camera: Camera, *, cut_out: bool) -> Image.Image:
    hits = caster.view(camera.scaled(SAMPLES))
    points = hits.interpolate(mesh.faces, mesh.vertices).astype(np.float64)
    grey = 0.25 + 0.45 * clouds(points + 9, 9, 1) + 0.35 * clouds(points + 9, 31, 2)
    tint = np.stack([clouds(points + 9, 2.5, seed) for seed in (3, 4, 5)], axis=-1)
    hit = hits.hit[..., None].astype(np.float64)
    colour = (grey[..., None] * (0.5 + 0.8 * tint)).clip(0, 1) * hit

    def averaged(values: np.ndarray) -> np.ndarray:
        return values.reshape(SIDE, SAMPLES, SIDE, SAMPLES, -1).mean(axis=(1, 3))

    alpha, colour = averaged(hit), averaged(colour)
    if not cut_out:
        return Image.fromarray(((colour + 0.6 * (1 - alpha)) * 255 + 0.5).astype(np.uint8))
    straight = colour / np.maximum(alpha, 1e-6)
    return Image.fromarray((np.dstack([straight, alpha]) * 255 + 0.5).clip(0, 255).astype(np.uint8), "RGBA")
