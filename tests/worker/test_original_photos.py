"""Textures from the photos in the size that they came in, freed of distortion, and what happens without them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pycolmap
import pytest
from numpy.typing import NDArray
from PIL import Image

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import StageName
from reconstruction_worker.geometry.atlas import texels, unwrap
from reconstruction_worker.geometry.axes import OPENGL_FROM_OPENCV
from reconstruction_worker.geometry.bake import bake
from reconstruction_worker.geometry.pages import Pages
from reconstruction_worker.geometry.ply_file import write_ply
from reconstruction_worker.geometry.raycast import Caster
from reconstruction_worker.geometry.rendering import Camera
from reconstruction_worker.geometry.scene import load_scene
from reconstruction_worker.geometry.surface import decimated
from reconstruction_worker.ingest.dataset import Dataset, DatasetImage, Original
from reconstruction_worker.original_photos import original_photos, pixels_of
from reconstruction_worker.poses.colmap_cameras import rays
from reconstruction_worker.poses.posed_model import PosedModel, Shot, SparsePoints
from reconstruction_worker.poses.saved_model import write_model
from reconstruction_worker.poses.undistort import Undistorter
from reconstruction_worker.stage import StageContext
from reconstruction_worker.stages import texture
from tests.worker.geometry.scenes import MeshField, around, bumpy_sphere, write_poses

SIDE, TIMES = 80, 4
PHOTOS = 10


def fine(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Stripes that photos of `SIDE` pixels can't show. [..., 3] -> [..., 3] in 0..1"""
    wave = np.sin(120 * points[..., 0]) * np.sin(120 * points[..., 2] + 1)
    return 0.5 + 0.35 * np.stack([wave, np.roll(wave, 0), -wave], axis=-1)


def photograph(caster: Caster, camera: pycolmap.Camera, pose: NDArray[np.float64]) -> Image.Image:
    """What a lens that distorts sees; `pose` with OpenGL axes."""
    columns, rows = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    plane = rays(camera, np.stack([columns, rows], axis=-1).reshape(-1, 2).astype(np.float64))
    local = np.column_stack([plane[:, 0], -plane[:, 1], -np.ones(len(plane))])
    directions = local @ pose[:3, :3].T
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    mesh = bumpy_sphere()
    hits = caster.cast(pose[:3, 3], directions)
    colour = np.where(hits.hit[:, None], fine(hits.interpolate(mesh.faces, mesh.vertices)), 0.2)
    return Image.fromarray((colour * 255 + 0.5).astype(np.uint8).reshape(camera.height, camera.width, 3))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace as the stages before `texture` leave it, with originals of four times the size."""
    workspace = tmp_path_factory.mktemp("originals")
    cameras = around(PHOTOS, size=SIDE)
    lens = pycolmap.Camera(
        model="SIMPLE_RADIAL", width=SIDE, height=SIDE, params=[1.1 * SIDE, SIDE / 2, SIDE / 2, -0.12]
    )
    large = pycolmap.Camera(
        model="SIMPLE_RADIAL", width=SIDE * TIMES, height=SIDE * TIMES, params=[*(TIMES * lens.params[:3]), -0.12]
    )
    undistorter, caster = Undistorter(lens), Caster(bumpy_sphere())
    pinhole = undistorter.pinhole
    fx, fy, cx, cy = pinhole.params
    posed = [Camera(each.camera_to_world, fx, fy, cx, cy, pinhole.width, pinhole.height) for each in cameras]
    write_poses(workspace, MeshField(bumpy_sphere()), posed)
    names = [view.name for view in load_scene(workspace).views]
    for folder in ("ingest", "originals", "mesh", "train"):
        (workspace / folder).mkdir()
    images, shots = [], []
    for name, camera in zip(names, posed, strict=True):
        stem = Path(name).stem
        original = photograph(caster, large, camera.camera_to_world)
        original.save(workspace / "originals" / f"{stem}.jpg", quality=98, subsampling=0)
        stored = np.asarray(original.resize((SIDE, SIDE), Image.Resampling.LANCZOS))
        path = workspace / "poses" / "images" / name
        alpha = np.asarray(Image.open(path))[..., 3]
        Image.fromarray(np.dstack([undistorter.apply(stored), alpha])).save(path)
        images.append(
            DatasetImage(
                name=f"{stem}.jpg",
                file=f"ingest/images/{stem}.jpg",
                width=SIDE,
                height=SIDE,
                original=Original(name=f"{stem}.jpg", width=SIDE * TIMES, height=SIDE * TIMES, sha256=""),
            )
        )
        shots.append(Shot(f"{stem}.jpg", 1, camera.camera_to_world @ OPENGL_FROM_OPENCV))
    (workspace / "ingest" / "dataset.json").write_text(Dataset(images=images).model_dump_json(by_alias=True))
    write_model(workspace / "poses", PosedModel({1: lens}, tuple(shots), SparsePoints.none()))
    write_ply(workspace / "mesh" / "mesh.ply", decimated(bumpy_sphere(), 3000))
    (workspace / "train" / "split.json").write_text(json.dumps({"train": names[1:], "eval": names[:1]}))
    return workspace


def textured(workspace: Path, source: str | None = "Original") -> dict:
    spec = {"source": {"uri": "photos"}, "mesh": {"textureSize": 512, **({"textureSource": source} if source else {})}}
    context = StageContext(
        StageName.TEXTURE, workspace, ReconstructionJobSpec.model_validate(spec), lambda _: None, lambda: False
    )
    context.folder.mkdir(exist_ok=True)
    message = texture.run(context).message
    return {**json.loads((context.folder / "texture.json").read_text()), "message": message}


def test_detail_is_from_the_originals_through_the_lens_that_took_them(made: Path) -> None:
    scene = load_scene(made)
    atlas = unwrap(decimated(bumpy_sphere(), 3000), 512)
    surface, views = texels(atlas, 512), list(scene.views)

    def error(finer: dict) -> float:
        baked = bake(Pages(atlas, 512), views, finer=finer)
        colours = baked.picture.reshape(-1, 3)[surface.index] / 255
        return float(np.sqrt(((colours - fine(surface.points)) ** 2).mean()))

    from_originals = error(dict(original_photos(made, views).photos))
    assert from_originals < 0.1
    assert from_originals < 0.6 * error({})


def test_no_larger_picture_is_read_than_the_texture_can_show(made: Path) -> None:
    view = load_scene(made).views[0]
    original = original_photos(made, [view]).photos[view.name]
    found = original.at(pixels_per_unit=2 * view.camera.fx / 2.2 / 1.25, distance=2.2)
    assert found is not None
    assert found[0].width == found[1].shape[1] == 2 * view.camera.width
    assert original.at(pixels_per_unit=0.5 * view.camera.fx / 2.2, distance=2.2) is None
    whole = original.at(pixels_per_unit=1e6, distance=2.2)
    assert whole is not None and whole[0].width == TIMES * view.camera.width


def test_the_stage_says_how_many_originals_it_used(made: Path) -> None:
    found = textured(made)
    assert (found["source"], found["originals"], found.get("note")) == ("Original", PHOTOS, None)
    assert f"{PHOTOS} in their original size" in found["message"]
    assert found["heldOut"]["psnr"] == max(found["tried"].values())
    assert found["blending"] in found["tried"]
    assert textured(made, None)["source"] == "Training"


def test_without_originals_the_photos_of_the_training_count_and_it_is_said(made: Path, tmp_path: Path) -> None:
    copy = tmp_path / "workspace"
    shutil.copytree(made, copy)
    next((copy / "originals").iterdir()).unlink()
    some = textured(copy)
    assert some["originals"] == PHOTOS - 1
    assert "1 originals are not in the workspace" in some["message"]
    shutil.rmtree(copy / "originals")
    none = textured(copy)
    assert (none["source"], none["originals"]) == ("Training", 0)
    assert "the originals are not in the workspace" in none["note"]
    assert "spec.redo.ingest" in none["note"]


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_photo_that_is_read_strip_by_strip_is_the_same(mode: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (150, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).convert(mode).save(tmp_path / "photo.jpg")
    with Image.open(tmp_path / "photo.jpg") as image:
        found = pixels_of(image)
    with Image.open(tmp_path / "photo.jpg") as image:
        assert (found == np.asarray(image.convert("RGB"))).all()
