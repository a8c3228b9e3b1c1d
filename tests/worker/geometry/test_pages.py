"""Surfaces whose texture takes several pages: how they are divided, and that no page is seen in the result."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import StageName
from reconstruction_worker.exporters.textured_model import Model, load_model
from reconstruction_worker.geometry.atlas import page_of_faces, unwrap
from reconstruction_worker.geometry.bake import bake
from reconstruction_worker.geometry.footprint import pages_for, photo_pixels
from reconstruction_worker.geometry.mesh import Mesh, face_cross
from reconstruction_worker.geometry.pages import Pages, page_of
from reconstruction_worker.geometry.ply_file import write_ply
from reconstruction_worker.geometry.regions import regions
from reconstruction_worker.geometry.render import sample
from reconstruction_worker.geometry.scene import Scene, load_scene
from reconstruction_worker.geometry.surface import decimated
from reconstruction_worker.geometry.unseen import Sums
from reconstruction_worker.geometry.visibility import Sightings
from reconstruction_worker.stage import StageContext
from reconstruction_worker.stages import texture

from .scenes import MeshField, around, bumpy_sphere, paint, write_poses

SIZE = 128


@pytest.fixture(scope="module")
def ball() -> Mesh:
    return decimated(bumpy_sphere(), 1500)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    write_poses(folder, MeshField(bumpy_sphere()), around(8))
    return folder


@pytest.fixture(scope="module")
def scene(workspace: Path) -> Scene:
    return load_scene(workspace)


@pytest.mark.parametrize("pages", [2, 3, 5])
def test_pages_have_room_for_more_texels_and_no_two_charts_share_one(ball: Mesh, pages: int) -> None:
    one, several = Pages(unwrap(ball, SIZE), SIZE), Pages(unwrap(ball, SIZE, pages), SIZE)
    assert several.atlas.pages == pages
    assert several.texels > 0.85 * pages * one.texels
    corners = several.atlas.uv[several.atlas.mesh.faces] * [SIZE, SIZE * pages]
    page = page_of_faces(several.atlas.uv, several.atlas.mesh.faces, pages)
    rows = corners[..., 1] - SIZE * page[:, None]
    assert rows.min() > 0 and rows.max() < SIZE and corners[..., 0].max() < SIZE
    a, b = (corners[:, corner] - corners[:, 0] for corner in (1, 2))
    area = np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum() / 2
    assert abs(area / several.texels - 1) < 0.05  # what lies on each other would have fewer texels


def test_regions_are_about_as_large_as_each_other_and_lie_together(ball: Mesh) -> None:
    chart = np.arange(len(ball.faces))
    group = regions(ball, chart, len(chart), 4)
    area = np.linalg.norm(face_cross(ball), axis=1)
    shares = np.bincount(group, area) / area.sum()
    assert len(shares) == 4 and shares.max() < 0.3
    middle = ball.vertices[ball.faces].mean(axis=1)
    assert max(_spread(middle[group == each]) for each in range(4)) < 0.8 * _spread(middle)


def _spread(points: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(points - points.mean(axis=0), axis=1).mean())


def test_each_page_has_the_painted_colours(ball: Mesh, scene: Scene, tmp_path: Path) -> None:
    surface = Pages(unwrap(ball, SIZE, 3), SIZE)
    baked = bake(surface, list(scene.views), scratch=tmp_path)
    assert baked.picture.shape == (3 * SIZE, SIZE, 3)
    for number, page in enumerate(surface):
        found = page_of(baked.picture, number).reshape(-1, 3)[page.index] / 255
        assert np.abs(found - paint(page.points)).mean() < 0.02
    assert sum(baked.views.values()) == pytest.approx(baked.photo_share)


def test_what_no_photo_shows_has_the_colour_of_what_is_near_on_whichever_page() -> None:
    sums, places = Sums(views=1, blendings=1), np.zeros((40, 3), np.float32)
    places[20:, 0] = 1
    colours = np.repeat([[200, 0, 0], [0, 0, 200]], 20, axis=0).astype(np.uint8)
    sums.add(np.full(40, -1, np.int16), places, [colours], pages=2)
    sums.add(np.zeros(40, np.int16), places, [colours], pages=2)
    (found,) = sums.nearest()(np.array([[0.1, 0, 0], [0.9, 0, 0]], np.float32))
    assert np.abs(found.astype(int) - [[200, 0, 0], [0, 0, 200]]).max() <= 1
    assert sums.known == 40 and sums.best.tolist() == [40]


def test_a_texture_has_as_many_pages_as_the_photos_have_pixels(ball: Mesh, scene: Scene) -> None:
    views = list(scene.views)
    pixels = photo_pixels(ball, Sightings(ball).of(views), views)
    camera = views[0].camera
    distance = float(np.linalg.norm(camera.camera_to_world[:3, 3]))
    in_the_middle = (camera.fx / (distance - 0.6)) ** 2 * ball.area()  # were all seen as its nearest point is
    assert 0.2 * in_the_middle < pixels < in_the_middle
    twice = photo_pixels(ball, Sightings(ball).of(views), views, {view.name: 2.0 for view in views})
    assert twice == pytest.approx(4 * pixels)
    assert pages_for(0, 1024, 8) == 1
    assert [pages_for(pixels, size, 8) for size in (4096, 64)] == [1, 8]
    assert pages_for(3.2 * 0.65 * 1024**2, 1024, 8) == 4


def _staged(workspace: Path, mesh: Mesh, settings: dict[str, int]) -> tuple[dict[str, Any], Model]:
    """The stage's document and the model that it leaves; two photos are held out."""
    names = [view.name for view in load_scene(workspace).views]
    for folder in ("mesh", "train", "texture"):
        shutil.rmtree(workspace / folder, ignore_errors=True)
        (workspace / folder).mkdir()
    write_ply(workspace / "mesh" / "mesh.ply", mesh)
    (workspace / "train" / "split.json").write_text(json.dumps({"train": names[2:], "eval": names[:2]}))
    spec = ReconstructionJobSpec.model_validate({"source": {"uri": "file:///x"}, "mesh": settings})
    context = StageContext(StageName.TEXTURE, workspace, spec, lambda progress: None, lambda: False)
    texture.run(context)
    return json.loads((workspace / "texture" / "texture.json").read_text()), load_model(workspace / "texture", None)


def test_the_stage_makes_the_pages_that_it_may(ball: Mesh, workspace: Path) -> None:
    document, model = _staged(workspace, ball, {"textureSize": 64, "maxTexturePages": 3})
    assert document["pages"] == 3 and model.pages == 3
    assert document["pixelsPerTexel"] > 1.5
    folder = workspace / "texture"
    assert sorted(path.name for path in folder.iterdir()) == [
        "basecolor.png", "basecolor_2.png", "basecolor_3.png", "mesh.npz", "texture.json"
    ]  # fmt: skip
    assert Image.open(folder / "basecolor_3.png").size == (64, 64)
    middles = model.vertices[model.faces].mean(axis=1)
    error = sample(model.texture, model.uv[model.faces].mean(axis=1)) / 255 - paint(middles)
    assert np.abs(error).mean() < 0.05


def test_the_stage_makes_no_more_pages_than_the_photos_fill(ball: Mesh, workspace: Path) -> None:
    document, model = _staged(workspace, ball, {"textureSize": 512, "maxTexturePages": 16})
    assert document["pages"] == 1 and model.pages == 1
    assert document["pixelsPerTexel"] <= 1
    assert "pages" not in np.load(workspace / "texture" / "mesh.npz")
