"""Colours on the surface, compared with what was painted and with the photos."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import StageName
from reconstruction_worker.geometry.atlas import Atlas, Texels, texels, unwrap
from reconstruction_worker.geometry.bake import BLENDINGS, Baked, bake, baked_in_each_way
from reconstruction_worker.geometry.pages import Pages
from reconstruction_worker.geometry.ply_file import write_ply
from reconstruction_worker.geometry.raycast import Caster
from reconstruction_worker.geometry.render import render, textured
from reconstruction_worker.geometry.scene import Scene, load_scene
from reconstruction_worker.geometry.surface import decimated
from reconstruction_worker.stage import StageContext
from reconstruction_worker.stages import texture

from .compare import psnr
from .scenes import MeshField, around, bumpy_sphere, in_front, paint, write_poses

SIZE = 512


@dataclass(frozen=True)
class Textured:
    scene: Scene
    atlas: Atlas
    surface: Texels
    baked: Baked


@pytest.fixture(scope="module")
def atlas() -> Atlas:
    return unwrap(decimated(bumpy_sphere(), 4000), SIZE)


@pytest.fixture(scope="module")
def ball(atlas: Atlas, tmp_path_factory: pytest.TempPathFactory) -> Textured:
    workspace = tmp_path_factory.mktemp("ball")
    write_poses(workspace, MeshField(bumpy_sphere()), around(16))
    scene, surface = load_scene(workspace), texels(atlas, SIZE)
    return Textured(scene, atlas, surface, bake(Pages(atlas, SIZE), list(scene.views)))


def test_charts_do_not_overlap_and_use_the_picture_well(atlas: Atlas) -> None:
    a, b, c = (atlas.uv[atlas.mesh.faces[:, i]].astype(float) for i in range(3))
    area = _area(a, b, c)
    covered = len(texels(atlas, SIZE).index) / SIZE**2
    assert covered > 0.4
    assert abs(area - covered) < 0.02


def test_a_texel_shows_the_point_of_the_surface_it_lies_on(ball: Textured) -> None:
    hits = Caster(ball.atlas.mesh).cast(ball.surface.points + 0.05 * ball.surface.normals, -ball.surface.normals)
    assert np.quantile(np.abs(hits.distance - 0.05), 0.99) < 2e-3


def test_texels_have_the_painted_colour(ball: Textured) -> None:
    baked = ball.baked.picture.reshape(-1, 3)[ball.surface.index] / 255
    assert np.abs(baked - paint(ball.surface.points)).mean() < 0.01


def test_the_textured_mesh_looks_like_the_photos(ball: Textured) -> None:
    caster = Caster(ball.atlas.mesh)
    shader = textured(ball.atlas.mesh, ball.atlas.uv, ball.baked.picture)
    scores = [psnr(render(caster, view.camera, shader), view.photo()) for view in ball.scene.views[:4]]
    assert min(scores) > 34


def test_everything_that_some_photo_shows_comes_from_photos(ball: Textured) -> None:
    assert ball.baked.photo_share > 0.99
    assert abs(sum(ball.baked.views.values()) - ball.baked.photo_share) < 1e-6


def test_what_no_photo_shows_takes_its_neighbours_colour(atlas: Atlas, tmp_path: Path) -> None:
    write_poses(tmp_path, MeshField(bumpy_sphere()), in_front(6))
    surface = texels(atlas, SIZE)
    baked = bake(Pages(atlas, SIZE), list(load_scene(tmp_path).views))
    colours = baked.picture.reshape(-1, 3)[surface.index]
    behind = surface.points[:, 1] > 0.45
    assert 0.3 < baked.photo_share < 0.8
    assert colours[behind].min() > 0  # neither black nor noise: close to colours that were painted near the border
    assert colours[behind].std(axis=0).max() < 70


def test_gutters_repeat_the_charts_colours(ball: Textured) -> None:
    picture = ball.baked.picture.reshape(-1, 3)
    gutter = np.setdiff1d(np.arange(SIZE * SIZE), ball.surface.index)
    assert picture[gutter].max(axis=1).min() > 0


def test_a_texture_made_part_by_part_is_the_same(ball: Textured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconstruction_worker.geometry.bake.TEXELS_AT_ONCE", 7001)
    parts = bake(Pages(ball.atlas, SIZE), list(ball.scene.views))
    assert np.array_equal(parts.picture, ball.baked.picture)


def test_a_page_that_was_let_go_of_is_laid_out_again(ball: Textured) -> None:
    pages = Pages(ball.atlas, SIZE)
    before = pages[0]
    pages.forget()
    assert pages[0] is not before
    assert np.array_equal(pages[0].index, ball.surface.index)


def test_one_photo_that_disagrees_is_left_out(atlas: Atlas, tmp_path: Path) -> None:
    write_poses(tmp_path, MeshField(bumpy_sphere()), around(16))
    scene = load_scene(tmp_path)
    spoilt = scene.views[5].image
    photo = np.array(Image.open(spoilt))
    photo[..., :3] = (255, 0, 255)
    Image.fromarray(photo).save(spoilt)
    surface = texels(atlas, SIZE)
    baked = bake(Pages(atlas, SIZE), list(scene.views))
    error = np.abs(baked.picture.reshape(-1, 3)[surface.index] / 255 - paint(surface.points))
    assert (error.max(axis=1) > 0.15).mean() < 0.01


def test_photos_of_another_exposure_and_tint_are_levelled(atlas: Atlas, tmp_path: Path) -> None:
    write_poses(tmp_path, MeshField(bumpy_sphere()), around(12))
    scene = load_scene(tmp_path)
    for number, tint in ((2, (0.6, 0.7, 0.8)), (7, (0.75, 0.75, 0.6))):
        photo = np.array(Image.open(scene.views[number].image))
        photo[..., :3] = photo[..., :3] * tint
        Image.fromarray(photo).save(scene.views[number].image)
    surface = texels(atlas, SIZE)
    plain, levelled, _ = baked_in_each_way(Pages(atlas, SIZE), list(scene.views), BLENDINGS)

    def error(baked: Baked) -> float:
        """Apart from the exposure of the whole, which is anyone's guess."""
        found, painted = baked.picture.reshape(-1, 3)[surface.index] / 255, paint(surface.points)
        return float(np.abs(found * (painted.mean(axis=0) / found.mean(axis=0)) - painted).mean())

    assert error(levelled) < 0.6 * error(plain)


def _area(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
    u, v = b - a, c - a
    return float(np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]).sum() / 2)


def test_a_photo_whose_background_is_in_it_gives_no_colours(tmp_path: Path) -> None:
    write_poses(tmp_path, MeshField(bumpy_sphere()), around(6, size=64))
    file = tmp_path / "poses" / "transforms.json"
    document = json.loads(file.read_text())
    document["frames"][2]["hasAlpha"] = False
    file.write_text(json.dumps(document))
    (tmp_path / "mesh").mkdir()
    write_ply(tmp_path / "mesh" / "mesh.ply", decimated(bumpy_sphere(), 500))
    spec = ReconstructionJobSpec.model_validate({"source": {"uri": "photos"}, "mesh": {"textureSize": 256}})
    context = StageContext(StageName.TEXTURE, tmp_path, spec, lambda progress: None, lambda: False)
    context.folder.mkdir()
    texture.run(context)
    views = json.loads((tmp_path / "texture" / "texture.json").read_text())["views"]
    assert len(views) == 5
    assert Path(document["frames"][2]["file_path"]).name not in views


def test_the_mesh_is_compared_with_held_out_photos_which_its_texture_there_is_made_without(tmp_path: Path) -> None:
    write_poses(tmp_path, MeshField(bumpy_sphere()), around(16, size=96))
    names = [view.name for view in load_scene(tmp_path).views]
    for folder in ("mesh", "train", "texture"):
        (tmp_path / folder).mkdir()
    write_ply(tmp_path / "mesh" / "mesh.ply", decimated(bumpy_sphere(), 1500))
    (tmp_path / "train" / "split.json").write_text(json.dumps({"train": names[2:], "eval": names[:2]}))
    spec = ReconstructionJobSpec.model_validate({"source": {"uri": "photos"}, "mesh": {"textureSize": 256}})
    context = StageContext(StageName.TEXTURE, tmp_path, spec, lambda progress: None, lambda: False)

    def compared() -> dict[str, Any]:
        line = texture.run(context).message
        found = json.loads((tmp_path / "texture" / "texture.json").read_text())["heldOut"]
        assert f"the mesh shows {found['coverage']:.0%} of the held-out photos" in line
        return found

    found = compared()
    assert found["photos"] == 5
    assert [view["name"] for view in found["views"] if not view["trained"]] == names[:2]
    assert found["coverage"] > 0.95
    assert found["psnr"] > 28
    assert found["ssim"] > 0.9
    spoilt = load_scene(tmp_path).views[0].image
    photo = np.array(Image.open(spoilt))
    photo[..., :3] = 255 - photo[..., :3]
    Image.fromarray(photo).save(spoilt)
    assert compared()["views"][0]["psnr"] < found["views"][0]["psnr"] - 8
