import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from reconstruction_worker.quality import perceptual


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of weights."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    perceptual._network.cache_clear()
    return folder


def test_without_weights_the_reason_names_the_file(cache: Path) -> None:
    assert "alexnet-owt-7be5be79.pth" in (perceptual.why_unavailable() or "")


def test_weights_with_another_checksum_are_not_used(cache: Path) -> None:
    (cache / perceptual.BACKBONE).write_bytes(b"something else")
    assert "checksum" in (perceptual.why_unavailable() or "")


def test_with_weights_equal_pictures_have_no_distance_and_others_do(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torchvision

    torch.manual_seed(0)
    file = cache / "weights.pth"
    torch.save(torchvision.models.alexnet(weights=None).state_dict(), file)
    name = f"alexnet-owt-{hashlib.sha256(file.read_bytes()).hexdigest()[:8]}.pth"
    file.rename(cache / name)
    (cache / "alexnet-owt-7be5be79.pth").symlink_to(cache / name)
    monkeypatch.setattr(perceptual, "BACKBONE", name)

    assert perceptual.why_unavailable() is None
    picture = np.random.default_rng(0).random((64, 64, 3))
    assert perceptual.lpips(picture, picture) == pytest.approx(0, abs=1e-6)
    assert perceptual.lpips(picture, 1 - picture) > 0.01
