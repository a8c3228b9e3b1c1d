"""Photos of meshes with known cameras."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reconstruction_worker.geometry.mesh import Mesh
from reconstruction_worker.geometry.raycast import Caster
from reconstruction_worker.geometry.rendering import Camera

from .worker_quality.synthetic import clouds

Array = NDArray[np.float64]
GREY = 0.6
"""Of the background."""


def looking(eye: Array, at: Array) -> Array:
    """Camera-to-world matrix [4, 4] (OpenGL axes) of an upright camera in a world with z up."""
    back = (eye - at) / np.linalg.norm(eye - at)
    right = np.cross([0, 0, 1], back)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3] = np.stack([right, np.cross(back, right), back, eye], axis=1)
    return pose


def square_camera(pose: Array, focal: float, side: int) -> Camera:
    """With `focal` in photo widths, and its centre in the middle of `side` x `side` pixels."""
    return Camera(pose, focal * side, focal * side, side / 2, side / 2, side, side)


def write_photos(folder: Path, cameras: Sequence[Camera], photograph: Callable[[Camera], Image.Image]) -> None:
    """Photos, and `transforms.json` with where they were taken from; all cameras have one lens."""
    folder.mkdir(parents=True, exist_ok=True)
    frames = []
    for number, camera in enumerate(cameras):
        name = f"photo-{number:02d}.png"
        photograph(camera).save(folder / name)
        frames.append({"file_path": name, "transform_matrix": camera.camera_to_world.tolist()})
    lens = cameras[0]
    document = {
        "camera_model": "PINHOLE",
        **{"fl_x": lens.fx, "fl_y": lens.fy, "cx": lens.cx, "cy": lens.cy, "w": lens.width, "h": lens.height},
        "frames": frames,
    }
    (folder / "transforms.json").write_text(json.dumps(document, indent=1))


def mottled(points: Array) -> Array:
    """Colours [..., 3] in 0..1 of places [..., 3], with detail in several sizes."""
    grey = 0.25 + 0.45 * clouds(points + 9, 9, 1) + 0.35 * clouds(points + 9, 31, 2)
    tint = np.stack([clouds(points + 9, 2.5, seed) for seed in (3, 4, 5)], axis=-1)
    return (grey[..., None] * (0.5 + 0.8 * tint)).clip(0, 1)


def painted(
    mesh: Mesh, caster: Caster, camera: Camera, colours: Callable[[Array], Array], samples: int
) -> tuple[Array, Array]:
    """A mesh in its own colours, without lighting: premultiplied [H, W, 3] and alpha [H, W, 1], means of
    `samples` x `samples` rays a pixel."""
    hits = caster.view(camera.scaled(samples))
    points = hits.interpolate(mesh.faces, mesh.vertices).astype(np.float64)
    colour = np.zeros(points.shape)
    colour[hits.hit] = colours(points[hits.hit])

    def averaged(values: Array) -> Array:
        return values.reshape(camera.height, samples, camera.width, samples, -1).mean(axis=(1, 3))

    return averaged(colour), averaged(hits.hit.astype(np.float64))


def cut_out(colour: Array, alpha: Array) -> Image.Image:
    """What `painted` gives, with alpha."""
    straight = np.concatenate([colour / np.maximum(alpha, 1e-9), alpha], axis=-1)
    return Image.fromarray((straight.clip(0, 1) * 255 + 0.5).astype(np.uint8), "RGBA")


def on_grey(colour: Array, alpha: Array) -> Image.Image:
    """The same before a background."""
    return Image.fromarray(((colour + GREY * (1 - alpha)) * 255 + 0.5).astype(np.uint8))
