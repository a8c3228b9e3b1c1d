import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from reconstruction_api.names import ENV_WEIGHTS
from reconstruction_api.weights import ALEXNET, Upstream
from reconstruction_worker.quality import perceptual
from reconstruction_worker.weights.adding import add


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of weights."""
    path = tmp_path / "weights"
    monkeypatch.setenv(ENV_WEIGHTS, str(path))
    perceptual._network.cache_clear()
    return path


def test_without_weights_the_reason_names_the_file(folder: Path) -> None:
    assert "alexnet/alexnet-owt-7be5be79.safetensors" in (perceptual.why_unavailable() or "")


def test_weights_that_were_not_checked_when_they_were_added_are_not_used(folder: Path) -> None:
    (folder / "alexnet").mkdir(parents=True)
    (folder / ALEXNET.file).write_bytes(b"something else")
    assert "recon weights add" in (perceptual.why_unavailable() or "")


def test_with_weights_equal_pictures_have_no_distance_and_others_do(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As torchmetrics measures it with the same weights."""
    import torchvision
    from torchmetrics.functional.image.lpips import _LPIPS

    torch.manual_seed(0)
    file = tmp_path / "alexnet-owt-7be5be79.pth"
    model = torchvision.models.alexnet(weights=None)
    torch.save(model.state_dict(), file)
    upstream = Upstream(file.name, file.stat().st_size, hashlib.sha256(file.read_bytes()).hexdigest())
    known = replace(ALEXNET, upstream=upstream)
    monkeypatch.setattr(perceptual, "ALEXNET", known)
    added = add(known, file, folder, ["BSD-3-Clause"])
    assert added.bytes < 11e6, "the layers that LPIPS does not look at are left out"

    assert perceptual.why_unavailable() is None
    picture = np.random.default_rng(0).random((64, 64, 3))
    assert perceptual.lpips(picture, picture) == pytest.approx(0, abs=1e-6)
    distance = perceptual.lpips(picture, 1 - picture)
    assert distance > 0.01

    monkeypatch.setattr(torchvision.models, "alexnet", lambda weights: model)
    pair = [torch.from_numpy(each.astype(np.float32)).permute(2, 0, 1)[None] for each in (picture, 1 - picture)]
    with torch.inference_mode():
        assert distance == pytest.approx(float(_LPIPS(net="alex")(*pair, normalize=True)), rel=1e-5)
