"""Small scenes for the pose tests: a textured object that is photographed, and synthetic models without pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pycolmap
import trimesh
from numpy.typing import NDArray
from PIL import Image

from demo_photos.cameras import View, look_at
from demo_photos.render import TexturedMesh, photograph
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import StageName
from reconstruction_worker.ingest.dataset import Dataset, DatasetImage, Original
from reconstruction_worker.poses.posed_model import PosedModel, Shot, SparsePoints
from reconstruction_worker.stage import StageContext

Array = NDArray[np.float64]


def bumpy_ball() -> TexturedMesh:
    """A ball of radius about 1 with bumps and a texture full of corners."""
    longitude, latitude = np.meshgrid(np.linspace(-np.pi, np.pi, 65), np.linspace(-1.5, 1.5, 49))
    radius = 1 + 0.12 * np.sin(5 * longitude) * np.cos(4 * latitude)
    direction = np.stack(
        [np.cos(latitude) * np.sin(longitude), np.sin(latitude), np.cos(latitude) * np.cos(longitude)], axis=-1
    )
    vertices = (radius[..., None] * direction).reshape(-1, 3)
    corner = (np.arange(48)[:, None] * 65 + np.arange(64)).reshape(-1)
    faces = np.concatenate(
        [np.stack([corner, corner + 1, corner + 66], 1), np.stack([corner, corner + 66, corner + 65], 1)]
    )
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    uv = np.stack([longitude / (2 * np.pi) + 0.5, latitude / 3 + 0.5], axis=-1).reshape(-1, 2).astype(np.float32)
    return TexturedMesh(mesh, uv, np.ones(len(vertices), np.float32), mesh.triangles.astype(np.float32), _patches())


def _patches() -> NDArray[np.float32]:
    """Squares of random colours in two sizes, [512, 1024, 3]."""
    generator = np.random.default_rng(3)
    coarse = generator.random((16, 32, 3)).repeat(32, axis=0).repeat(32, axis=1)
    fine = generator.random((64, 128, 3)).repeat(8, axis=0).repeat(8, axis=1)
    return (0.5 * coarse + 0.5 * fine).astype(np.float32)


def ball_views(azimuths: Array, size: int) -> list[View]:
    """Cameras in two rows in front of the ball, whose y axis is up and whose front is +z; degrees."""
    focal = 1.3 * size
    views = []
    for elevation in (-5.0, 20.0):
        for azimuth in azimuths:
            a, e = np.radians([azimuth, elevation])
            eye = 3.2 * np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])
            views.append(View(look_at(eye, np.zeros(3)), focal, size))
    return views


def write_ingest(
    workspace: Path, pictures: dict[str, Image.Image], mask: Callable[[str], str | None] = lambda _: None
) -> Dataset:
    """Leave what ingest leaves for pictures by name; `mask` tells the file of a picture's mask, by its name."""
    (workspace / "ingest" / "images").mkdir(parents=True)
    images = []
    for name, picture in pictures.items():
        picture.save(workspace / "ingest" / "images" / name)
        images.append(an_image(name, picture.width, picture.height, has_alpha=picture.mode == "RGBA", mask=mask(name)))
    dataset = Dataset(images=images)
    (workspace / "ingest" / "dataset.json").write_text(dataset.model_dump_json(by_alias=True))
    return dataset


def an_image(name: str, width: int = 400, height: int = 300, **fields: Any) -> DatasetImage:
    original = fields.pop("original", None) or Original(name=name, width=width, height=height, sha256="0" * 64)
    return DatasetImage(
        name=name, file=f"ingest/images/{name}", width=width, height=height, original=original, **fields
    )


def ball_photos(views: list[View]) -> dict[str, Image.Image]:
    scene = bumpy_ball()
    return {f"ball-{index:02d}.png": photograph(scene, view, samples=2) for index, view in enumerate(views)}


def poses_context(
    workspace: Path, stop_requested: Callable[[], bool] = lambda: False, **poses: Any
) -> tuple[StageContext, list[Any]]:
    """The stage's context, and the list that its progress goes to; `poses` are fields of spec.poses."""
    (workspace / "poses").mkdir(parents=True, exist_ok=True)
    spec = ReconstructionJobSpec.model_validate({"source": {"uri": "photos"}, "poses": poses})
    reports: list[Any] = []
    return StageContext(StageName.POSES, workspace, spec, reports.append, stop_requested), reports


def a_model(poses: Array, points: Array) -> PosedModel:
    """A model in which every camera (OpenCV axes) observes every point."""
    camera = pycolmap.Camera(model="PINHOLE", width=400, height=300, params=[400.0, 400.0, 200.0, 150.0])
    shots = tuple(Shot(f"{index:03d}.png", 1, pose) for index, pose in enumerate(poses))
    grid = np.stack(np.meshgrid(np.arange(len(poses)), np.arange(len(points)), indexing="ij"), -1).reshape(-1, 2)
    sparse = SparsePoints(points, np.zeros((len(points), 3), np.uint8), np.full(len(points), len(poses)), grid)
    return PosedModel({1: camera}, shots, sparse, 0.5)


def survey_poses(count: int) -> Array:
    """Cameras in a row that look straight down from 10 units up."""
    north = np.array([0.0, 1.0, 0.0])
    return np.array([looking(np.array([x, 0.0, 10.0]), np.array([x, 0.0, 0.0]), north) for x in range(count)])


def looking(eye: Array, target: Array, up: Array) -> Array:
    """World-from-camera [4, 4], axes as in OpenCV."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3] = np.stack([right, np.cross(forward, right), forward, eye], axis=1)
    return pose


def rolled(pose: Array, degrees: float) -> Array:
    """The camera turned about its viewing direction."""
    a = np.radians(degrees)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]
    return pose @ turn


def degrees_between(a: Array, b: Array) -> float:
    return float(np.degrees(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))))
