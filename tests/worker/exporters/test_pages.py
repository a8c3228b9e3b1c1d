"""A texture of several pages is the same surface in every format, in the eyes of readers that did not write it."""

from __future__ import annotations

import base64
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tinyusdz
import trimesh
from numpy.typing import NDArray

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.exports import Compression, Export
from reconstruction_api.formats import ExportFormat
from reconstruction_worker.exporters.fbx_nodes import decoded
from reconstruction_worker.exporters.map_raster import map_view
from reconstruction_worker.exporters.registry import exporter_of
from reconstruction_worker.exporters.simplified_model import simplified_model
from reconstruction_worker.exporters.style import decoded_rgb
from reconstruction_worker.exporters.surface_points import surface_points
from reconstruction_worker.exporters.textured_model import Z_UP_TO_Y_UP, Model, joined
from reconstruction_worker.from_destination.published_model import read_model
from reconstruction_worker.geometry.orbit import orbit_camera
from reconstruction_worker.geometry.render import sample
from reconstruction_worker.geometry.rendering import Camera
from reconstruction_worker.geometry.scene import NOWHERE
from reconstruction_worker.report.viewer_data import viewer_document
from reconstruction_worker.turntable.showing import show_mesh

from .other_readers import fbx_surface, gltf_complaints, gltf_surface
from .paged_models import SIZE, paged_ball, painted

PAGES = 3
Corners = tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.uint8]]
"""Of a page: positions [F, 3, 3] y up, uv [F, 3, 2] from the upper left corner, and its picture."""
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning:trimesh")


@cache
def ball() -> Model:
    return paged_ball(PAGES)


def test_the_pages_are_all_used_and_as_dense_as_each_other() -> None:
    model = ball()
    assert model.pages == PAGES and model.texture.shape == (PAGES * SIZE, SIZE, 3)
    densities = []
    for part in model.parts():
        space, plane = (_area(each[part.faces]) for each in (part.vertices, np.pad(part.uv, ((0, 0), (0, 1)))))
        densities.append(plane.sum() / space.sum())
    assert max(densities) / min(densities) < 1.2
    assert sum(len(part.faces) for part in model.parts()) == len(model.faces)


def _area(corners: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)


def written(folder: Path, **options: object) -> list[Path]:
    """The files of an entry, after its own check."""
    export = Export.model_validate(options)
    return exporter_of(export.format).written(ball(), folder, export)[0]


def assert_painted(pages: list[Corners]) -> None:
    """At the middle of each triangle its page has the colour that the point was painted, which is also what a texture
    of one page has there."""
    assert len(pages) == PAGES and sum(len(each[0]) for each in pages) == len(ball().faces)
    for positions, uv, picture in pages:
        assert picture.shape == (SIZE, SIZE, 3)
        middles = positions.mean(axis=1) @ Z_UP_TO_Y_UP
        error = sample(picture, uv.mean(axis=1)) - painted(middles)
        assert np.abs(error).max() < 14 and np.abs(error).mean() < 3


@pytest.mark.parametrize("kind", [{}, {"textureFormat": "WebP"}, *({"compression": each} for each in Compression)])
def test_glb_has_a_primitive_and_a_material_for_each_page(kind: dict[str, str], tmp_path: Path) -> None:
    (file,) = written(tmp_path, format="GLB", **kind)
    assert gltf_complaints(file) == []
    assert_painted(list(_of_gltf(file)))


def test_gltf_has_a_picture_for_each_page(tmp_path: Path) -> None:
    files = written(tmp_path, format="GLTF", name="web", material="Unlit")
    names = ["web.gltf", "web.bin", "web_texture.jpg", "web_texture_2.jpg", "web_texture_3.jpg"]
    assert [file.name for file in files] == names
    assert gltf_complaints(files[0]) == []
    assert_painted(list(_of_gltf(files[0])))


def _of_gltf(file: Path) -> Iterator[Corners]:
    for part in gltf_surface(file)["parts"]:
        faces = part["indices"].reshape(-1, 3)
        yield part["positions"][faces], part["uv"][faces], decoded_rgb(part["texture"])


def test_draco_leaves_no_gap_between_pages(tmp_path: Path) -> None:
    (file,) = written(tmp_path, format="GLB", compression="Draco")
    corners = np.concatenate([part["positions"] for part in gltf_surface(file)["parts"]])
    assert len(np.unique(corners.round(5), axis=0)) == len(ball().welded()[0].vertices)


def test_obj_has_a_material_for_each_page(tmp_path: Path) -> None:
    files = written(tmp_path, format="OBJ")
    names = ["model.obj", "model.mtl", "model_basecolor.png", "model_basecolor_2.png", "model_basecolor_3.png"]
    assert [file.name for file in files] == names
    scene = trimesh.load_scene(files[0], process=False, group_material=True)
    found = []
    for mesh in scene.geometry.values():
        uv = np.stack([mesh.visual.uv[:, 0], 1 - mesh.visual.uv[:, 1]], axis=1)
        picture = np.asarray(mesh.visual.material.image.convert("RGB"))
        found.append((np.asarray(mesh.vertices)[mesh.faces], uv[mesh.faces], picture))
    assert_painted(found)


def test_fbx_has_a_material_for_each_page(tmp_path: Path) -> None:
    (file,) = written(tmp_path, format="FBX")
    shown = fbx_surface(file)
    assert shown["textures"] == ["basecolor", "basecolor_2", "basecolor_3"]
    videos = decoded(file.name, file.read_bytes()).one("Objects").all("Video")
    pictures = [decoded_rgb(each.one("Content").properties[0]) for each in videos]
    pages: dict[int, list[NDArray[np.int64]]] = {}
    for group in shown["groups"]:
        pages.setdefault(group["materialIndex"], []).append(group["start"] + np.arange(group["count"]))
    found = []
    for page, ranges in sorted(pages.items()):
        corners = np.concatenate(ranges).reshape(-1, 3)
        uv = np.stack([shown["uv"][:, 0], 1 - shown["uv"][:, 1]], axis=1)
        found.append((shown["positions"][corners] / 100, uv[corners], pictures[page]))
    assert_painted(found)


def test_usdz_has_a_mesh_with_a_material_for_each_page(tmp_path: Path) -> None:
    (file,) = written(tmp_path, format="USDZ")
    scene = tinyusdz.tydra.convert_to_render_scene(tinyusdz.load(str(file)))
    found = []
    with zipfile.ZipFile(file) as package:
        for mesh in scene.meshes():
            texture = scene.materials()[mesh.material_id].preview_surface
            assert texture is not None
            image = scene.images()[scene.textures()[texture["diffuse_color"]["texture_id"]].texture_image_id]
            faces = np.array(mesh.face_vertex_indices).reshape(-1, 3)
            uv = np.array(mesh.texcoord(0)).reshape(-1, 2)
            uv[:, 1] = 1 - uv[:, 1]
            picture = decoded_rgb(package.read(Path(image.asset_identifier).name))
            found.append((np.array(mesh.points).reshape(-1, 3)[faces], uv[faces], picture))
    assert_painted(found)


def test_ply_has_the_pages_colours_at_its_vertices(tmp_path: Path) -> None:
    mesh: Any = trimesh.load_mesh(written(tmp_path, format="PLY")[0], process=False)
    assert mesh.visual.kind == "vertex"
    error = np.asarray(mesh.visual.vertex_colors)[:, :3] - painted(mesh.vertices)
    assert np.abs(error).max() < 14


@pytest.mark.parametrize("kind", ["STL", "Orthophoto", "Tiles"])
def test_other_formats_pass_their_check(kind: str, tmp_path: Path) -> None:
    assert all(file.stat().st_size > 0 for file in written(tmp_path, format=kind))


def test_points_and_maps_have_the_colours_of_all_pages() -> None:
    points = surface_points(ball(), 5000)
    assert 4000 < len(points.positions) <= 5000
    assert np.abs(points.colours - painted(points.positions)).max() < 20
    assert np.ptp(points.positions, axis=0).min() > 1.9
    seen = map_view(ball())
    there = seen.colours[..., 3] > 0
    assert np.abs(seen.colours[there][:, 2] - painted(seen.heights[there])).max() < 20


def test_an_entry_with_fewer_triangles_has_as_many_pages() -> None:
    simple = simplified_model(ball(), 400)
    assert simple.pages == PAGES and simple.texture.shape == ball().texture.shape
    middles = simple.vertices[simple.faces].mean(axis=1)
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    error = sample(simple.texture, simple.uv[simple.faces].mean(axis=1)) - painted(middles)
    assert np.abs(error).mean() < 3


@pytest.mark.parametrize("kind", ["GLB", "GLTF", "OBJ"])
def test_a_published_model_is_read_back_with_its_pages(kind: str, tmp_path: Path) -> None:
    written(tmp_path, format=kind, textureFormat="PNG")
    found = read_model(tmp_path, Export(format=ExportFormat(kind)), metric=True)
    assert found.pages == PAGES and np.array_equal(found.texture, ball().texture)
    middles = found.vertices[found.faces].mean(axis=1)
    error = sample(found.texture, found.uv[found.faces].mean(axis=1)) - painted(middles)
    assert np.abs(error).max() < 14


def test_the_report_shows_the_pages_as_one_picture() -> None:
    shown = viewer_document(ball(), NOWHERE, [])["mesh"]
    picture = decoded_rgb(base64.b64decode(shown["texture"].partition(",")[2]))
    assert picture.shape == (2 * SIZE, 2 * SIZE, 3)
    steps, faces = _array(shown["uv"], "<u2").reshape(-1, 2), _array(shown["indices"], "<u4").reshape(-1, 3)
    middles = ball().vertices[ball().faces].mean(axis=1)
    error = sample(picture, (steps / 65535)[faces].mean(axis=1)) - painted(middles)
    assert np.abs(error).max() < 14


def _array(text: str, kind: str) -> NDArray[np.integer]:
    return np.frombuffer(base64.b64decode(text), kind)


def test_parts_put_together_are_the_model() -> None:
    model, whole = ball(), joined(ball().parts())
    found, meant = (np.c_[each.vertices, each.uv][each.faces].reshape(-1, 15) for each in (whole, model))
    assert np.allclose(found[np.lexsort(found.T)], meant[np.lexsort(meant.T)], atol=1e-6)


def test_the_turntable_shows_what_one_page_shows() -> None:
    camera = orbit_camera(ball().vertices.astype(np.float64), 30, 20, 96)
    one, several = _shown(paged_ball(1), camera), _shown(ball(), camera)
    inside = (one[..., 3] == 255) & (several[..., 3] == 255)
    assert inside.mean() > 0.2
    assert np.abs(one[inside].astype(int) - several[inside]).max() < 14


def _shown(model: Model, camera: Camera) -> NDArray[np.uint8]:
    return show_mesh(model)(camera)


@pytest.mark.parametrize("kind", ["GLB", "OBJ", "FBX", "USDZ"])
def test_pages_in_another_order_fail_the_check(kind: str, tmp_path: Path) -> None:
    export, model = Export(format=ExportFormat(kind)), ball()
    parts = model.parts()
    swapped = joined([parts[0], *reversed(parts[1:])])
    exporter = exporter_of(export.format)
    exporter.write(swapped, tmp_path)
    with pytest.raises(ReconstructionError) as caught:
        exporter.check(model, tmp_path)
    assert caught.value.code == "ExportFailed"
