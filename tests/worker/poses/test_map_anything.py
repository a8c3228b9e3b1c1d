"""MapAnything beside Depth Anything 3, with a stub of its class: how it is set up, what it is told and says, and when
it is chosen. The network itself was not run here: it needs a GPU, and its package is in an image of its own."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.names import ENV_WEIGHTS
from reconstruction_api.weights import DA3_BASE, DA3_SMALL, MAP_ANYTHING
from reconstruction_worker.engines.foreign.program import ENV_UPSTREAM
from reconstruction_worker.poses import choose_network, depth_anything, map_anything
from reconstruction_worker.poses.network_pictures import frames_of
from reconstruction_worker.weights.adding import add

STUB = Path(__file__).with_name("stub_of_map_anything.py")
CONFIGURATION = {
    "name": "mapanything",
    "encoder_config": {"size": "giant", "pretrained_checkpoint_path": "some/pickle.pth"},
    "pretrained_checkpoint_path": "another/pickle.pth",
    "written_by_a_later_version": 1,
}
DINOV2 = """
import torch
dependencies = ["torch"]
def dinov2_vitg14(pretrained=True):
    assert not pretrained, "that would fetch weights"
    return torch.nn.PReLU(3)
"""


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An image that has the packages, and a GPU with room. The folder of weights is empty."""
    site = tmp_path / "site"
    for package in ("mapanything", "mapanything/models", "uniception"):
        (site / package).mkdir(parents=True)
        (site / package / "__init__.py").touch()
    shutil.copyfile(STUB, site / "mapanything" / "models" / "__init__.py")
    (tmp_path / "upstream" / "dinov2").mkdir(parents=True)
    (tmp_path / "upstream" / "dinov2" / "hubconf.py").write_text(DINOV2)
    (tmp_path / "weights").mkdir()
    monkeypatch.setenv(ENV_UPSTREAM, str(tmp_path / "upstream"))
    monkeypatch.setenv(ENV_WEIGHTS, str(tmp_path / "weights"))
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr(map_anything, "PACKAGES", ("mapanything", "uniception"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (20 * 2**30, 24 * 2**30))
    for name in [each for each in sys.modules if each.split(".")[0] in ("mapanything", "uniception")]:
        monkeypatch.delitem(sys.modules, name)
    return tmp_path


def added(folder: Path, configuration: Any = CONFIGURATION, **tensors: torch.Tensor) -> None:
    (folder / "published").mkdir(exist_ok=True)
    found = {"encoder.weight": torch.ones(3), "scale_token": torch.full((4,), 0.25)} | tensors
    save_file(found, folder / "published" / "model.safetensors")
    (folder / "published" / "config.json").write_text(json.dumps(configuration))
    add(MAP_ANYTHING, folder / "published" / "model.safetensors", folder / "weights", ["Apache-2.0"])


def test_it_is_told_the_lenses_that_are_known_and_sees_metres(image: Path) -> None:
    added(image)
    network = map_anything.MapAnything(MAP_ANYTHING, "cpu")
    assert (network.name, network.long_side) == ("map-anything", 518)
    pictures = np.full((3, 28, 42, 3), 255, np.uint8)
    focal = np.array([[50.0, 51.0], [np.nan, np.nan], [52.0, 53.0]])
    seen = network.look(pictures, focal)
    assert seen.metric and seen.sane
    assert seen.focal.tolist() == [[50, 51], [400, 410], [52, 53]]
    assert seen.world_from_camera[:, 0, 3].tolist() == [0, 1, 2]
    assert seen.depth.shape == seen.confidence.shape == (3, 28, 42)
    assert (seen.depth[:, 0] == 0).all() and (seen.depth[:, 1:] == 3).all(), "the weights' own number"
    views = network._net.shown
    assert views[0]["intrinsics"][0, :2, 2].tolist() == [21, 14] and "intrinsics" not in views[1]
    assert views[0]["img"][0, :, 0, 0].numpy() == pytest.approx(
        (1 - np.array([0.485, 0.456, 0.406])) / [0.229, 0.224, 0.225]
    )
    assert torch.hub.load.__module__ == "torch.hub", "what stands in for it while the network is built is gone"


def test_a_configuration_is_needed_and_must_fit_the_package(image: Path) -> None:
    with pytest.raises(ReconstructionError, match=r"config\.json, which says how map-anything is set up") as failure:
        added(image, ["no", "object"])
    assert failure.value.code == "WeightsUnavailable" and not (image / "weights" / MAP_ANYTHING.file).exists()
    added(image, CONFIGURATION | {"encoder_config": {"size": "tiny", "pretrained_checkpoint_path": None}})
    with pytest.raises(ReconstructionError, match="no encoder of size tiny") as failure:
        map_anything.MapAnything(MAP_ANYTHING, "cpu")
    assert failure.value.code == "WeightsUnavailable"
    added(image, scale_token=torch.ones(5))
    with pytest.raises(ReconstructionError, match="scale_token is missing or has another shape") as failure:
        map_anything.MapAnything(MAP_ANYTHING, "cpu")
    assert failure.value.code == "WeightsUnavailable"
    (image / "site" / "mapanything" / "models" / "__init__.py").write_text("import not_there_at_all")
    sys.modules.pop("mapanything.models")
    with pytest.raises(ReconstructionError, match="incomplete: not_there_at_all is missing") as failure:
        map_anything.MapAnything(MAP_ANYTHING, "cpu")
    assert failure.value.code == "EngineUnavailable"


def test_memory_that_runs_out_is_said(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    added(image)
    network = map_anything.MapAnything(MAP_ANYTHING, "cpu")

    def full(*_: Any, **__: Any) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(network._net, "infer", full)
    with pytest.raises(ReconstructionError, match="while it looked at 2 photos") as failure:
        network.look(np.zeros((2, 14, 14, 3), np.uint8), np.full((2, 2), np.nan))
    assert failure.value.code == "GPUOutOfMemory"


def test_it_is_chosen_on_a_gpu_with_room_where_its_weights_are_there(
    image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(depth_anything, "installed", lambda: False)
    with pytest.raises(ReconstructionError, match="optional extra") as failure:
        choose_network.check_network()
    assert failure.value.code == "EngineUnavailable"
    added(image)
    assert choose_network.check_network() is MAP_ANYTHING and choose_network.why_none(5) == ""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (11 * 2**30, 24 * 2**30))
    with pytest.raises(ReconstructionError, match=r"needs 12\.0 GiB of GPU memory; 11\.0 GiB of 24\.0 GiB") as failure:
        choose_network.check_network()
    assert failure.value.code == "GPUUnavailable" and "da3-base" in failure.value.suggestion
    monkeypatch.setattr(depth_anything, "installed", lambda: True)
    assert "11.0 GiB" in choose_network.why_none(5), "Auto does without it"
    save_file({"model.x": torch.ones(1)}, image / "model.safetensors")
    small = image / "weights" / DA3_SMALL.file
    small.parent.mkdir()
    shutil.copyfile(image / "model.safetensors", small)
    monkeypatch.setattr(choose_network, "checked", lambda network: image / network.file)
    assert choose_network.check_network() is DA3_SMALL, "it also works on the CPU"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_network.check_network() is DA3_SMALL
    assert "on a GPU only" in map_anything.obstacle()


def test_without_its_package_its_weights_are_no_help(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    added(image)
    (image / "upstream" / "dinov2" / "hubconf.py").unlink()
    assert not map_anything.installed() and "adapters/mapanything" in map_anything.obstacle()
    monkeypatch.setattr(depth_anything, "installed", lambda: True)
    with pytest.raises(ReconstructionError, match="da3-base") as failure:
        choose_network.check_network()
    assert failure.value.code == "WeightsUnavailable" and DA3_BASE.source in failure.value.suggestion


def test_weights_that_were_changed_are_not_read(image: Path) -> None:
    added(image)
    file = image / "weights" / MAP_ANYTHING.file
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ReconstructionError, match="is incomplete") as failure:
        choose_network.check_network()
    assert failure.value.code == "WeightsUnavailable"


def test_pictures_are_as_large_as_it_was_trained_with_and_focal_lengths_those_of_pictures() -> None:
    frame = frames_of([(1036, 777)], 518)[0]
    assert frame.shown == (518, 392)
    across, down = frame.focal_of_picture(1000.0)
    assert across == pytest.approx(500) and down == pytest.approx(1000 * 392 / 777)
    assert frame.focal(np.array([across, down])) == pytest.approx(1000)
    assert np.isnan(frame.focal_of_picture(None)).all()
