"""Photos of a shape with known poses, and what of it they show."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reconstruction_worker.geometry.mesh import Mesh, face_normals, with_faces
from reconstruction_worker.geometry.raycast import Caster
from reconstruction_worker.geometry.rendering import Camera

from ..rendered import cut_out, mottled, on_grey, painted, square_camera, write_photos
from .shapes import SIDE, Shape

SAMPLES = 3
"""Rays along each side of a pixel."""
WITNESSES = 2
"""Photos that must show a face for it to be asked for."""
STEEPEST = 0.2
"""Cosine between its normal and the rays to these."""


def cameras(shape: Shape) -> list[Camera]:
    return [square_camera(pose, shape.focal, SIDE) for pose in shape.poses()]


def write(shape: Shape, folder: Path) -> None:
    """Photos and `transforms.json` with where they were taken from."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if shape.write is not None:
        shape.write(folder)
        return
    mesh, finish = shape.mesh(), cut_out if shape.cut_out else on_grey
    caster = Caster(mesh)
    write_photos(folder, cameras(shape), lambda camera: finish(*painted(mesh, caster, camera, mottled, SAMPLES)))


def shown(shape: Shape) -> Mesh:
    """The part of the shape that enough photos show, not all too flat."""
    mesh = shape.mesh()
    return with_faces(mesh, witnesses(mesh, cameras(shape)) >= WITNESSES)


def witnesses(mesh: Mesh, cameras: Sequence[Camera]) -> NDArray[np.int64]:
    """How many cameras see the middle of each face, not all too flat, and nothing of the mesh before it. [F]"""
    caster, normals = Caster(mesh), face_normals(mesh)
    middles, seen = mesh.vertices[mesh.faces].mean(axis=1), np.zeros(len(mesh.faces), np.int64)
    for camera in cameras:
        eye = camera.camera_to_world[:3, 3]
        away = np.linalg.norm(middles - eye, axis=1)
        rays = (middles - eye) / away[:, None]
        local = (middles - eye) @ camera.camera_to_world[:3, :3]
        half = np.array([camera.width / camera.fx, camera.height / camera.fy]) / 2
        inside = (local[:, 2] < 0) & (np.abs(local[:, :2]) < -local[:, 2:] * half).all(axis=1)
        steep = np.abs((rays * normals).sum(axis=1)) > STEEPEST
        asked = np.flatnonzero(inside & steep)
        hits = caster.cast(np.broadcast_to(eye, (len(asked), 3)), rays[asked])
        seen[asked] += hits.distance > away[asked] * (1 - 1e-3)
    return seen
