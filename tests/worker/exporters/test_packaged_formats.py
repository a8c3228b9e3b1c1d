"""FBX and USDZ: one file with mesh and texture, found the same by readers that did not write it."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import tinyusdz

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.exports import TextureFormat
from reconstruction_worker.exporters import fbx, usdz
from reconstruction_worker.exporters.style import Style, decoded_rgb
from reconstruction_worker.exporters.textured_model import Model, y_up

from .edge_models import EDGE_MODELS
from .models import figure
from .other_readers import fbx_surface

FORMATS = (fbx, usdz)
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def test_three_js_finds_an_fbx_in_centimetres_with_y_up_and_its_texture(tmp_path: Path) -> None:
    model = figure(metric=True)
    found = fbx_surface(fbx.write(model, tmp_path)[0])
    assert found["unitScaleFactor"] == 1 and found["textured"]
    upright = y_up(model)
    assert np.allclose(found["positions"], 100 * upright.vertices[model.faces.ravel()], atol=1e-3)
    expected = np.stack([model.uv[:, 0], 1 - model.uv[:, 1]], axis=1)[model.faces.ravel()]
    assert np.allclose(found["uv"], expected, atol=1e-5)


def test_the_texture_in_a_usdz_is_the_models(tmp_path: Path) -> None:
    model = figure()
    with zipfile.ZipFile(usdz.write(model, tmp_path, Style(texture=TextureFormat.PNG))[0]) as package:
        assert package.namelist() == ["model.usda", "texture.png"]
        assert np.array_equal(decoded_rgb(package.read("texture.png")), model.texture)


def test_another_reader_finds_metres_y_up_and_the_material_of_a_usdz(tmp_path: Path) -> None:
    stage = tinyusdz.load(str(usdz.write(figure(metric=True), tmp_path)[0]))
    assert (stage.get_metadata("upAxis"), stage.get_metadata("metersPerUnit")) == ("Y", 1)
    (mesh,) = tinyusdz.tydra.convert_to_render_scene(stage).meshes()
    points = np.array(mesh.points, float).reshape(-1, 3)
    assert np.allclose(points[points[:, 1].argmax()], [0, 3, 2])


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    for module in FORMATS:
        (tmp_path / "again").mkdir(exist_ok=True)
        first, second = module.write(figure(), tmp_path)[0], module.write(figure(), tmp_path / "again")[0]
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("module", FORMATS)
@pytest.mark.parametrize("name", [name for name in EDGE_MODELS if name != "65,536 vertices"])
def test_a_model_at_the_edge_passes_its_check(name: str, module: ModuleType, tmp_path: Path) -> None:
    module.write(EDGE_MODELS[name], tmp_path)
    module.check(EDGE_MODELS[name], tmp_path)


def other_texture(model: Model) -> Model:
    return replace(model, texture=255 - model.texture)


def other_layout(model: Model) -> Model:
    return replace(model, uv=model.uv[::-1])


def inside_out(model: Model) -> Model:
    return replace(model, faces=model.faces[:, ::-1])


def larger(model: Model) -> Model:
    return replace(model, vertices=model.vertices * np.float32(1.01))


@pytest.mark.parametrize("module", FORMATS)
@pytest.mark.parametrize("change", [other_texture, other_layout, inside_out, larger])
def test_another_model_than_meant_fails_the_check(
    change: Callable[[Model], Model], module: ModuleType, tmp_path: Path
) -> None:
    module.write(change(figure()), tmp_path)
    with pytest.raises(ReconstructionError) as caught:
        module.check(figure(), tmp_path)
    assert caught.value.code == "ExportFailed"


@pytest.mark.parametrize("module", FORMATS)
@pytest.mark.parametrize("kept", [0.2, 0.9, 0.999])
def test_a_cut_off_file_fails_its_check(kept: float, module: ModuleType, tmp_path: Path) -> None:
    path = module.write(figure(), tmp_path)[0]
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(ReconstructionError) as caught:
        module.check(figure(), tmp_path)
    assert caught.value.code == "ExportFailed"


def test_a_usdz_whose_files_are_not_aligned_fails_its_check(tmp_path: Path) -> None:
    path = usdz.write(figure(), tmp_path)[0]
    with zipfile.ZipFile(path) as package:
        content = {name: package.read(name) for name in package.namelist()}
    with zipfile.ZipFile(path, "w") as package:
        for name, data in content.items():
            package.writestr(name, data)
    with pytest.raises(ReconstructionError, match="not aligned"):
        usdz.check(figure(), tmp_path)
