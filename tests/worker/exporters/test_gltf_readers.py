"""GLB and GLTF in other hands: Khronos' validator has no complaint, and glTF Transform finds the model."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import KDTree

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.exports import Compression, Export, Material, TextureFormat
from reconstruction_api.formats import ExportFormat
from reconstruction_worker.exporters import glb
from reconstruction_worker.exporters.registry import exporter_of
from reconstruction_worker.exporters.style import Style, decoded_rgb
from reconstruction_worker.exporters.textured_model import Model, y_up

from .edge_models import EDGE_MODELS
from .models import figure
from .other_readers import gltf_complaints, gltf_surface

EXTENSIONS = {
    Compression.NONE: set(),
    Compression.QUANTIZED: {"KHR_mesh_quantization"},
    Compression.DRACO: {"KHR_draco_mesh_compression"},
    Compression.MESHOPT: {"KHR_mesh_quantization", "EXT_meshopt_compression"},
}
KINDS = (ExportFormat.GLB, ExportFormat.GLTF)
PICTURES = {TextureFormat.JPEG: "image/jpeg", TextureFormat.PNG: "image/png", TextureFormat.WEBP: "image/webp"}


def file_of(model: Model, folder: Path, **options: object) -> Path:
    """The first file of an entry, after its own check."""
    export = Export.model_validate(options)
    return exporter_of(export.format).written(model, folder, export)[0][0]


@pytest.mark.parametrize("compression", Compression)
@pytest.mark.parametrize("name", EDGE_MODELS)
def test_a_model_at_the_edge_passes_its_check_and_khronos_validator(
    name: str, compression: Compression, tmp_path: Path
) -> None:
    file = file_of(EDGE_MODELS[name], tmp_path, format="GLB", compression=compression)
    assert gltf_complaints(file) == []


@pytest.mark.parametrize(("kind", "compression"), product(KINDS, Compression))
def test_another_reader_finds_the_triangles_the_texture_and_y_up(
    kind: ExportFormat, compression: Compression, tmp_path: Path
) -> None:
    model = figure()
    found = gltf_surface(file_of(model, tmp_path, format=kind, compression=compression))
    upright = y_up(model)
    assert set(found["extensions"]) == EXTENSIONS[compression]
    assert len(found["indices"]) == model.faces.size
    assert np.allclose([found["positions"].min(axis=0), found["positions"].max(axis=0)], upright.bounds(), atol=1e-4)
    tip = found["positions"][found["positions"][:, 1].argmax()]
    assert np.allclose(tip, [0, 3, 2], atol=1e-4)
    corners = np.concatenate([upright.vertices, upright.uv], axis=1)
    distance, _ = KDTree(corners).query(np.concatenate([found["positions"], found["uv"]], axis=1))
    assert distance.max() < 5e-4
    assert np.abs(decoded_rgb(found["texture"]).astype(int) - model.texture).mean() < 2


@pytest.mark.parametrize(("kind", "picture"), product(KINDS, TextureFormat))
def test_a_texture_is_stored_as_it_was_asked_for(kind: ExportFormat, picture: TextureFormat, tmp_path: Path) -> None:
    model = figure()
    file = file_of(model, tmp_path, format=kind, textureFormat=picture)
    assert gltf_complaints(file) == []
    found = gltf_surface(file)
    assert found["mediaType"] == PICTURES[picture]
    assert ("EXT_texture_webp" in found["extensions"]) == (picture is TextureFormat.WEBP)
    error = np.abs(decoded_rgb(found["texture"]).astype(int) - model.texture)
    assert error.max() == 0 if picture is TextureFormat.PNG else error.mean() < 2


@pytest.mark.parametrize("kind", KINDS)
def test_an_unlit_surface_says_so(kind: ExportFormat, tmp_path: Path) -> None:
    file = file_of(figure(), tmp_path, format=kind, material=Material.UNLIT)
    assert gltf_complaints(file) == []
    assert gltf_surface(file)["extensions"] == ["KHR_materials_unlit"]


def test_a_lit_surface_in_place_of_an_unlit_one_fails_the_check(tmp_path: Path) -> None:
    glb.write(figure(), tmp_path)
    with pytest.raises(ReconstructionError, match="its material is another"):
        glb.check(figure(), tmp_path, Style(unlit=True))


@pytest.mark.parametrize("kind", KINDS)
def test_an_entry_s_name_is_what_its_files_begin_with(kind: ExportFormat, tmp_path: Path) -> None:
    options = {"format": kind, "name": "web", "compression": "Meshopt", "textureFormat": "WebP", "material": "Unlit"}
    file = file_of(figure(), tmp_path, **options)
    assert {path.name.split(".")[0].split("_")[0] for path in tmp_path.iterdir()} == {"web"}
    assert gltf_complaints(file) == []
