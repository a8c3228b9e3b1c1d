"""A scene small enough to train in seconds: a coloured ball, rendered exactly, seen from a ring of cameras."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..stage_files import TRANSFORMS

RADIUS = 0.6
DISTANCE = 3.0


def write_ball(workspace: Path, *, views: int = 10, size: int = 40, alpha: bool = True) -> None:
    """Leave `poses/` in the workspace: RGBA photos of a bounded scene, or RGB ones over grey of an open one."""
    (workspace / "poses" / "images").mkdir(parents=True)
    focal = 1.6 * size
    frames = []
    for index in range(views):
        pose = look_at_origin(2 * math.pi * index / views, 0.35 + 0.3 * math.sin(index))
        name = f"ball_{index:02d}.png"
        picture = ball(pose, focal, size)
        if not alpha:
            picture = np.round(picture[..., :3] * picture[..., 3:] + 0.5 * (1 - picture[..., 3:]), 6)
        Image.fromarray((picture * 255 + 0.5).astype(np.uint8)).save(workspace / "poses" / "images" / name)
        frames.append({"file_path": f"poses/images/{name}", "transform_matrix": pose.tolist()})
    document = {
        "camera_model": "PINHOLE",
        **{"fl_x": focal, "fl_y": focal, "cx": size / 2, "cy": size / 2, "w": size, "h": size},
        "frames": frames,
        "scene": {
            "kind": "bounded" if alpha else "open",
            "box": [[-1, -1, -1], [1, 1, 1]],
            "near": DISTANCE - 1.8,
            "far": DISTANCE + 1.8,
        },
        "hasAlpha": alpha,
    }
    (workspace / "poses" / TRANSFORMS).write_text(json.dumps(document))


def look_at_origin(azimuth: float, elevation: float) -> NDArray[np.float64]:
    """Camera-to-world matrix at `DISTANCE`, z up, camera axes OpenGL."""
    backward = np.array(
        [math.cos(elevation) * math.cos(azimuth), math.cos(elevation) * math.sin(azimuth), math.sin(elevation)]
    )
    right = np.cross([0, 0, 1], backward)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(backward, right), backward], 1)
    pose[:3, 3] = DISTANCE * backward
    return pose


def ball(pose: NDArray[np.float64], focal: float, size: int) -> NDArray[np.float64]:
    """[size, size, 4] picture of the ball, its colour a smooth function of the point, alpha 0 or 1."""
    points, hit = _ball_points(pose, focal, size)
    colours = 0.5 + 0.4 * np.sin(points * [3, 2.5, 2] / RADIUS + [0, 1, 2])
    return np.concatenate([colours * hit[..., None], hit[..., None].astype(np.float64)], -1)


def ball_depth(pose: NDArray[np.float64], focal: float, size: int) -> NDArray[np.float64]:
    """[size, size] distance of the ball along the camera's axis; 0 beside it."""
    points, hit = _ball_points(pose, focal, size)
    return np.where(hit, (pose[:3, 3] - points) @ pose[:3, 2], 0.0)


def _ball_points(pose: NDArray[np.float64], focal: float, size: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Where the rays of the pixels meet the ball [size, size, 3], and which do [size, size]."""
    x, y = np.meshgrid(np.arange(size) + 0.5 - size / 2, np.arange(size) + 0.5 - size / 2)
    directions = np.stack([x / focal, -y / focal, -np.ones_like(x)], -1) @ pose[:3, :3].T
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    along = directions @ pose[:3, 3]
    root = along**2 - (DISTANCE**2 - RADIUS**2)
    return pose[:3, 3] + (-along - np.sqrt(np.maximum(root, 0)))[..., None] * directions, root > 0
