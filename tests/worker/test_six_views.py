"""From six pictures, one from each side of a cube, and their depth maps, to a model, stage by stage."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from demo_photos.cameras import View
from demo_photos.render import TexturedMesh, photograph
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import StageName
from reconstruction_worker.stage import StageContext
from reconstruction_worker.stages import evaluate, export, ingest, mesh, poses, texture, train

from .poses.scenes import bumpy_ball

DISTANCE, FIELD_OF_VIEW, SIZE = 3.5, 45, 128
SIDES = {
    "front": ((0, 0, 1), (0, 1, 0)),
    "right": ((1, 0, 0), (0, 1, 0)),
    "back": ((0, 0, -1), (0, 1, 0)),
    "left": ((-1, 0, 0), (0, 1, 0)),
    "top": ((0, 1, 0), (0, 0, -1)),
    "bottom": ((0, -1, 0), (0, 0, 1)),
}
"""Where each camera stands, and which way is up in its picture, with y up as the ball has it."""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a bumpy ball of radius 1; the depth maps are in tenths of a millimetre."""
    folder, ball = tmp_path_factory.mktemp("pictures"), bumpy_ball()
    (folder / "depth").mkdir()
    for side, (where, up) in SIDES.items():
        backward, upward = np.array(where, float), np.array(up, float)
        pose = np.eye(4)
        pose[:3] = np.stack([np.cross(upward, backward), upward, backward, DISTANCE * backward], axis=1)
        view = View(pose, SIZE / 2 / math.tan(math.radians(FIELD_OF_VIEW / 2)), SIZE)
        photograph(ball, view).save(folder / f"{side}.png")
        tenths = np.round(depth(ball, view) * 1e4).astype(np.uint16)
        Image.fromarray(tenths).save(folder / "depth" / f"{side}.png")
    return folder


def depth(scene: TexturedMesh, view: View) -> np.ndarray:
    """[size, size] along the camera's axis; 0 beside the object."""
    x, y = np.meshgrid(np.arange(view.size) + 0.5 - view.size / 2, view.size / 2 - np.arange(view.size) - 0.5)
    local = np.stack([x, y, np.full_like(x, -view.focal)], -1).reshape(-1, 3)
    directions, eye = local @ view.camera_to_world[:3, :3].T, view.camera_to_world[:3, 3]
    places, rays, _ = scene.mesh.ray.intersects_location(
        np.broadcast_to(eye, directions.shape), directions, multiple_hits=False
    )
    result = np.zeros(view.size**2)
    result[rays] = (eye - places) @ view.camera_to_world[:3, 2]
    return result.reshape(view.size, view.size)


def test_six_pictures_and_their_maps_become_a_model_in_metres(pictures: Path, tmp_path: Path) -> None:
    spec = {
        "source": {"uri": "pictures"},
        "images": {"depth": "Required", "depthUnitMicrometres": 100},
        "poses": {
            "method": "CanonicalViews",
            "fieldOfViewDegrees": FIELD_OF_VIEW,
            "cameraDistanceMillimetres": round(DISTANCE * 1000),
        },
        "training": {"steps": 80, "raysPerStep": 768, "device": "CPU"},
        "mesh": {"targetFaces": 10000, "textureSize": 512},
        "exports": [{"format": "GLB"}],
    }
    job, said = ReconstructionJobSpec.model_validate(spec), {}
    for stage in (ingest, poses, train, mesh, texture, evaluate, export):
        name = StageName(stage.__name__.rpartition(".")[2])
        (tmp_path / name).mkdir()
        context = StageContext(name, tmp_path, job, lambda _: None, lambda: False, pictures)
        said[name] = stage.run(context).message
    assert "6 photos, 6 with a depth map" in said[StageName.INGEST]
    quality = json.loads((tmp_path / "evaluate" / "quality.json").read_text())
    assert (quality["psnr"], quality["verdict"]) == (None, "warn")
    assert quality["trained"]["psnr"] > 14  # 80 steps
    model = trimesh.load(tmp_path / "export" / "model.glb", force="mesh", process=True)
    assert isinstance(model, trimesh.Trimesh)
    radii = np.linalg.norm(model.vertices - model.bounds.mean(axis=0), axis=1)
    assert np.median(radii) == pytest.approx(1.0, abs=0.08)
    assert np.quantile(radii, 0.98) < 1.25  # the bumps are 0.12 high
