"""Written files hold the model, the right way up, in the hands of a reader that did not write them."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.exports import Compression, Export
from reconstruction_api.formats import ExportFormat, format_of, media_type_of
from reconstruction_worker import exporters
from reconstruction_worker.exporters import glb, obj, ply, stl
from reconstruction_worker.exporters.checking import Content
from reconstruction_worker.exporters.exporter import Exporter
from reconstruction_worker.exporters.registry import exporter_of, module_of
from reconstruction_worker.exporters.style import Style
from reconstruction_worker.exporters.textured_model import Model

from .models import figure

DOCS = Path(__file__).parents[3] / "docs" / "formats.md"
COMPRESSIONS = list(Compression)
EXPORTS = [Export(format=kind) for kind in ExportFormat if not kind.gaussians] + [
    Export(format=ExportFormat.GLB, compression=how) for how in COMPRESSIONS if how is not Compression.NONE
]
KNOWN_TO_TRIMESH = (ExportFormat.GLB, ExportFormat.GLTF, ExportFormat.OBJ, ExportFormat.PLY, ExportFormat.STL)
READ_BY_TRIMESH = [
    each for each in EXPORTS if each.format in KNOWN_TO_TRIMESH and each.compression is not Compression.MESHOPT
]
WITHOUT_TRIANGLES = (ExportFormat.POINT_CLOUD, ExportFormat.ORTHOPHOTO, ExportFormat.DSM)
Y_UP = [export for export in READ_BY_TRIMESH if exporter_of(export.format).up == "y"]


def written(export: Export, model: Model, folder: Path) -> tuple[list[Path], Content]:
    """As the stage `export` writes and checks it."""
    return exporter_of(export.format).written(model, folder, export)


def named(export: Export) -> str:
    return f"{export.format}-{export.chosen_compression}"


@pytest.fixture(scope="module")
def model() -> Model:
    return figure()


@pytest.mark.parametrize("export", EXPORTS, ids=named)
def test_every_format_of_the_api_is_written_and_passes_its_check(export: Export, model: Model, tmp_path: Path) -> None:
    paths, content = written(export, model, tmp_path)
    assert paths[0].name == export.format.file
    assert {path.name for path in paths} == {path.name for path in tmp_path.iterdir()}
    assert all(media_type_of(path.name) != media_type_of("unknown") for path in paths)
    assert content.faces == (0 if export.format in WITHOUT_TRIANGLES else len(model.faces))


def test_a_format_is_declared_once_and_has_a_module_of_its_name() -> None:
    modules = {file.stem for file in Path(exporters.__file__).parent.glob("*.py")}
    assert {module_of(each) for each in ExportFormat} <= modules
    same_file = {ExportFormat.SPLAT_PLY, ExportFormat.SPLAT}  # two names of one format
    assert len({each.file for each in ExportFormat}) == len(ExportFormat) - len(same_file) + 1
    for each in ExportFormat:
        assert isinstance(exporter_of(each), Exporter)
        assert format_of(each.file) == (ExportFormat.SPLAT_PLY if each in same_file else each)
        assert media_type_of(each.file) == each.media_type
        assert f"`{each}` ({each.about})" in str(Export.model_fields["format"].description)


@pytest.mark.parametrize("kind", ExportFormat)
def test_the_documentation_says_of_every_format_what_its_file_is_and_which_way_is_up(kind: ExportFormat) -> None:
    rows = [line.split("|")[1:-1] for line in DOCS.read_text().splitlines() if line.startswith(f"| `{kind}` |")]
    ((_, file, up, *_),) = rows
    assert f"`{kind.file}`" in file
    assert up.strip().startswith(exporter_of(kind).up)


@pytest.mark.parametrize("export", Y_UP, ids=named)
def test_the_tip_points_to_y_and_the_front_to_z(export: Export, model: Model, tmp_path: Path) -> None:
    path = written(export, model, tmp_path)[0][0]
    mesh = trimesh.load_mesh(path, process=False)
    tip = mesh.vertices[mesh.vertices[:, 1].argmax()]
    assert np.allclose(tip, [0, 3, 2], atol=4e-5)


def test_ply_keeps_z_up_and_has_no_seams(model: Model, tmp_path: Path) -> None:
    ply.write(model, tmp_path)
    mesh = trimesh.load_mesh(tmp_path / ply.FILE, process=False)
    assert np.allclose(mesh.vertices[mesh.vertices[:, 2].argmax()], [0, -2, 3], atol=1e-5)
    assert len(mesh.vertices) == 9
    assert mesh.is_watertight


@pytest.mark.parametrize("export", READ_BY_TRIMESH, ids=named)
def test_faces_are_counter_clockwise_from_outside(export: Export, model: Model, tmp_path: Path) -> None:
    path = written(export, model, tmp_path)[0][0]
    mesh = trimesh.load_mesh(path, process=True)
    mesh.merge_vertices(merge_tex=True, merge_norm=True)
    assert mesh.volume > 0


@pytest.mark.parametrize("export", [e for e in Y_UP if e.compression is not Compression.QUANTIZED], ids=named)
def test_texture_coordinates_hit_the_same_texels(export: Export, model: Model, tmp_path: Path) -> None:
    path = written(export, model, tmp_path)[0][0]
    mesh = trimesh.load_mesh(path, process=False)  # which takes quantised numbers for texels
    assert isinstance(mesh.visual, TextureVisuals) and mesh.visual.uv is not None
    # trimesh counts v from the bottom, whatever the file did; the model from the top.
    order = np.argsort(np.round(mesh.visual.uv @ [1000, 1], 4))
    expected = np.stack([model.uv[:, 0], 1 - model.uv[:, 1]], axis=1)
    assert np.allclose(mesh.visual.uv[order], expected[np.argsort(np.round(expected @ [1000, 1], 4))], atol=2e-4)


def test_the_image_in_the_glb_has_the_textures_colours(model: Model, tmp_path: Path) -> None:
    glb.write(model, tmp_path)
    mesh = trimesh.load_mesh(tmp_path / "model.glb")
    assert isinstance(mesh.visual, TextureVisuals) and isinstance(mesh.visual.material, PBRMaterial)
    texture = mesh.visual.material.baseColorTexture
    assert texture is not None
    image = np.asarray(texture.convert("RGB")).astype(int)
    assert np.abs(image[10, 10] - [200, 30, 30]).max() < 8
    assert np.abs(image[-10, 10] - [30, 30, 200]).max() < 8


def test_an_open_surface_is_visible_from_both_sides(model: Model) -> None:
    opened = Model(model.vertices, model.normals, model.faces[:-4], model.uv, model.texture, metric=False)
    assert not material(glb.encode(model))["doubleSided"]
    assert material(glb.encode(opened))["doubleSided"]


def test_vertex_colours_are_the_textures(model: Model) -> None:
    _, colours = ply.coloured(model)
    assert {tuple(c) for c in colours.tolist()} != {(0, 0, 0)}
    assert colours.max() <= 201


def cut(data: bytes) -> bytes:
    return data[:-100]


def flip_index(data: bytes) -> bytes:
    """An index that points behind the last vertex."""
    document, start = header(data)
    view = document["bufferViews"][document["accessors"][3]["bufferView"]]
    at = start + view["byteOffset"]
    return data[:at] + struct.pack("<H", 60000) + data[at + 2 :]


def spoil_picture(data: bytes) -> bytes:
    document, start = header(data)
    view = document["bufferViews"][document["images"][0]["bufferView"]]
    at = start + view["byteOffset"]
    return data[: at + 20] + b"\0" * (view["byteLength"] - 20) + data[at + view["byteLength"] :]


def move_vertex(data: bytes) -> bytes:
    _, start = header(data)
    return data[:start] + struct.pack("<f", 1e6) + data[start + 4 :]


@pytest.mark.parametrize("damage", [cut, flip_index, spoil_picture, move_vertex])
def test_a_damaged_glb_fails_its_check(damage: Callable[[bytes], bytes], model: Model, tmp_path: Path) -> None:
    path = glb.write(model, tmp_path)[0]
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ReconstructionError) as caught:
        glb.check(model, tmp_path)
    assert caught.value.code == "ExportFailed"
    assert caught.value.message.startswith("model.glb")


@pytest.mark.parametrize("how", COMPRESSIONS)
def test_a_glb_with_another_texture_layout_fails_its_check(how: Compression, model: Model, tmp_path: Path) -> None:
    glb.write(replace(model, uv=model.uv[::-1]), tmp_path, Style(compression=how))
    with pytest.raises(ReconstructionError, match="triangles are not where they should be"):
        glb.check(model, tmp_path, Style(compression=how))


@pytest.mark.parametrize("how", COMPRESSIONS)
def test_a_glb_turned_inside_out_fails_its_check(how: Compression, model: Model, tmp_path: Path) -> None:
    glb.write(replace(model, faces=model.faces[:, ::-1]), tmp_path, Style(compression=how))
    with pytest.raises(ReconstructionError, match="inside out"):
        glb.check(model, tmp_path, Style(compression=how))


@pytest.mark.parametrize("how", [how for how in COMPRESSIONS if how is not Compression.NONE])
def test_a_compressed_glb_that_does_not_say_so_fails_its_check(how: Compression, model: Model, tmp_path: Path) -> None:
    path = glb.write(model, tmp_path, Style(compression=how))[0]
    path.write_bytes(path.read_bytes().replace(b"extensionsRequired", b"extensionsrequired"))
    with pytest.raises(ReconstructionError, match="which extensions a reader must know"):
        glb.check(model, tmp_path, Style(compression=how))


def test_a_damaged_draco_stream_fails_its_check(model: Model, tmp_path: Path) -> None:
    path = glb.write(model, tmp_path, Style(compression=Compression.DRACO))[0]
    data = path.read_bytes()
    _, start = header(data)
    path.write_bytes(data[: start + 40] + b"\xff" * 30 + data[start + 70 :])
    with pytest.raises(ReconstructionError) as caught:
        glb.check(model, tmp_path, Style(compression=Compression.DRACO))
    assert caught.value.code == "ExportFailed"


def test_compressed_files_are_as_small_as_the_documentation_says() -> None:
    model = ball()
    sizes = {how: geometry_bytes(glb.encode(model, Style(compression=how))) for how in COMPRESSIONS}
    assert sizes[Compression.QUANTIZED] < 0.65 * sizes[Compression.NONE]
    assert sizes[Compression.DRACO] < 0.16 * sizes[Compression.NONE]
    assert sizes[Compression.MESHOPT] < 0.3 * sizes[Compression.NONE]


def ball() -> Model:
    """A ball of 20,480 triangles, each corner a little off, as scanned surfaces are."""
    mesh = trimesh.creation.icosphere(5)
    vertices = mesh.vertices * np.random.default_rng(0).normal(1, 1e-3, (len(mesh.vertices), 1))
    uv = np.stack([np.arctan2(vertices[:, 0], vertices[:, 1]) / 7 + 0.5, vertices[:, 2] / 3 + 0.5], axis=1)
    normals = mesh.vertex_normals.astype(np.float32)
    picture = np.zeros((8, 8, 3), np.uint8)
    return Model(
        vertices.astype(np.float32), normals, mesh.faces.astype(np.int32), uv.astype(np.float32), picture, metric=False
    )


def geometry_bytes(data: bytes) -> int:
    document, _ = header(data)
    return len(data) - document["bufferViews"][document["images"][0]["bufferView"]]["byteLength"]


def drop_last_line(folder: Path) -> None:
    path = folder / "model.obj"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))


def lose_texture(folder: Path) -> None:
    (folder / "model_basecolor.png").unlink()


def cut_texture(folder: Path) -> None:
    path = folder / "model_basecolor.png"
    path.write_bytes(path.read_bytes()[:-60])


def lose_material(folder: Path) -> None:
    (folder / "model.mtl").unlink()


@pytest.mark.parametrize("damage", [drop_last_line, lose_texture, cut_texture, lose_material])
def test_a_damaged_obj_fails_its_check(damage: Callable[[Path], None], model: Model, tmp_path: Path) -> None:
    obj.write(model, tmp_path)
    damage(tmp_path)
    with pytest.raises(ReconstructionError) as caught:
        obj.check(model, tmp_path)
    assert caught.value.code == "ExportFailed"


def test_a_cut_off_ply_fails_its_check(model: Model, tmp_path: Path) -> None:
    path = ply.write(model, tmp_path)[0]
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ReconstructionError) as caught:
        ply.check(model, tmp_path)
    assert caught.value.code == "ExportFailed"


def test_stl_keeps_z_up_and_holds_nothing_but_triangles(model: Model, tmp_path: Path) -> None:
    path = stl.write(replace(model, metric=True), tmp_path)[0]
    data = path.read_bytes()
    assert len(data) == 84 + 50 * len(model.faces)
    assert not data.startswith(b"solid") and b"metres" in data[:80]
    mesh = trimesh.load_mesh(path, process=True)
    assert np.allclose(mesh.vertices[mesh.vertices[:, 2].argmax()], [0, -2, 3], atol=1e-5)
    assert mesh.is_watertight and mesh.volume > 0


def shorten(data: bytes) -> bytes:
    return data[:-30]


def lose_a_triangle(data: bytes) -> bytes:
    return data[:80] + struct.pack("<I", struct.unpack_from("<I", data, 80)[0] - 1) + data[84:-50]


def move_a_corner(data: bytes) -> bytes:
    return data[:96] + struct.pack("<f", 0.123) + data[100:]


def turn_a_normal(data: bytes) -> bytes:
    return data[:84] + struct.pack("<3f", *(-x for x in struct.unpack_from("<3f", data, 84))) + data[96:]


@pytest.mark.parametrize("damage", [shorten, lose_a_triangle, move_a_corner, turn_a_normal])
def test_a_damaged_stl_fails_its_check(damage: Callable[[bytes], bytes], model: Model, tmp_path: Path) -> None:
    path = stl.write(model, tmp_path)[0]
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ReconstructionError) as caught:
        stl.check(model, tmp_path)
    assert caught.value.code == "ExportFailed"
    assert caught.value.message.startswith("model.stl")


def header(data: bytes) -> tuple[dict, int]:
    """The JSON document of a GLB and where its binary chunk's content starts."""
    (length,) = struct.unpack_from("<I", data, 12)
    return json.loads(data[20 : 20 + length]), 20 + length + 8


def material(data: bytes) -> dict:
    return header(data)[0]["materials"][0]
