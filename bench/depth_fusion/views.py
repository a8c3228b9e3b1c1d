"""Pictures of an object, and its depth maps, exact or as wrong as a depth camera's."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from reconstruction_worker.geometry.cameras import pixel_rays
from reconstruction_worker.geometry.raycast import Caster
from reconstruction_worker.geometry.rendering import Camera
from reconstruction_worker.poses.canonical import DIRECTIONS

from ..rendered import cut_out, painted, square_camera
from .objects import Array, KnownObject

SIDE, NEW_SIDE, SAMPLES = 512, 384, 2
"""Pixels of a view, of a new view, and rays along each side of one."""
FIELD_OF_VIEW_DEGREES = 40
DISTANCE = 1.2
"""Metres."""
NEW_VIEWS = 16
TENTHS_OF_A_MILLIMETRE = 1e4
SMOOTH, FINE, OFFSET = 0.007, 0.004, 0.004
"""Standard deviations of what a noisy map is wrong by, as shares of the object's longest side: over 25 and over 4
pixels, and as a whole."""


def write_six(known: KnownObject, folder: Path, *, noisy: bool) -> None:
    """The six canonical views with alpha, and `depth/` in tenths of a millimetre."""
    (folder / "depth").mkdir(parents=True, exist_ok=True)
    caster, random = Caster(known.mesh), np.random.default_rng(5)
    size = float(np.ptp(known.mesh.bounds(), axis=0).max())
    for side, (where, up) in DIRECTIONS.items():
        camera = _camera(np.array(where, float), np.array(up, float), SIDE)
        Image.fromarray(photograph(known, caster, camera)).save(folder / f"{side}.png")
        hits = caster.view(camera)
        along = -(pixel_rays(camera) @ camera.camera_to_world[:3, 2])
        depth = np.where(hits.hit, np.where(hits.hit, hits.distance, 0) * along, 0)
        if noisy:
            wrong = _smooth(random, SMOOTH * size, 25) + _smooth(random, FINE * size, 4)
            depth = np.where(hits.hit, depth + wrong + random.normal() * OFFSET * size, 0)
        Image.fromarray(np.round(depth * TENTHS_OF_A_MILLIMETRE).astype(np.uint16)).save(
            folder / "depth" / f"{side}.png"
        )


def new_cameras() -> list[Camera]:
    """From all around (golden angle), none of them one of the six."""
    cameras = []
    for number in range(NEW_VIEWS):
        height, turn = 0.8 * (1 - 2 * (number + 0.5) / NEW_VIEWS), number * math.pi * (3 - math.sqrt(5))
        across = math.sqrt(1 - height**2)
        where = np.array([across * math.cos(turn), across * math.sin(turn), height])
        cameras.append(_camera(where, np.array([0.0, 0, 1]), NEW_SIDE))
    return cameras


def photograph(known: KnownObject, caster: Caster, camera: Camera) -> np.ndarray:
    """RGBA [H, W, 4], without lighting."""
    return np.asarray(cut_out(*painted(known.mesh, caster, camera, known.colours, SAMPLES)))


def _camera(where: Array, up: Array, side: int) -> Camera:
    """At `DISTANCE` in a direction from the object's middle, which it looks at."""
    upward = up - (up @ where) * where
    upward /= np.linalg.norm(upward)
    pose = np.eye(4)
    pose[:3] = np.stack([np.cross(upward, where), upward, where, DISTANCE * where], axis=1)
    return square_camera(pose, 0.5 / math.tan(math.radians(FIELD_OF_VIEW_DEGREES) / 2), side)


def _smooth(random: np.random.Generator, deviation: float, pixels: float) -> Array:
    """Noise of a standard deviation that changes over so many pixels. [SIDE, SIDE]"""
    noise = cv2.GaussianBlur(random.normal(size=(SIDE, SIDE)), (0, 0), pixels)
    return noise / noise.std() * deviation
