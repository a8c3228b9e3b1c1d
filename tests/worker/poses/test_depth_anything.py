"""The real network with random weights: shapes, names of tensors, conventions; nothing is fetched. What it sees with
its true weights nobody has looked at here."""

from __future__ import annotations

import hashlib
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.names import ENV_WEIGHTS
from reconstruction_api.weights import DA3_SMALL, DEPTH_ANYTHING, Network, Upstream
from reconstruction_worker.poses import depth_anything
from reconstruction_worker.weights.adding import add

pytestmark = pytest.mark.skipif(
    not depth_anything.installed(), reason="the optional extra 'feed-forward' is not installed"
)
HEADER_BYTES = 200_000
"""More than the header of a safetensors file with some hundred tensors takes."""


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("something was to be fetched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as the published one, of random numbers: what layers share is there once."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("published") / "model.safetensors"
    tensors = depth_anything.empty_network("da3-small").state_dict()
    once = {each.data_ptr(): name for name, each in reversed(tensors.items())}
    save_file({f"model.{name}": tensors[name].contiguous() for name in once.values()}, path)
    assert len(once) < len(tensors)
    return path


def known(published: Path) -> Network:
    digest = hashlib.sha256(published.read_bytes()).hexdigest()
    return replace(DA3_SMALL, upstream=Upstream(published.name, published.stat().st_size, digest))


@pytest.mark.parametrize("network", DEPTH_ANYTHING, ids=lambda each: each.name)
def test_the_manifests_file_is_as_large_as_the_installed_network(network: Network) -> None:
    numbers = sum(each.numel() for each in depth_anything.empty_network(network.name).state_dict().values())
    assert network.upstream.bytes is not None
    assert 0 < network.upstream.bytes - 4 * numbers < HEADER_BYTES


@pytest.mark.usefixtures("offline")
def test_cameras_and_depth_of_all_pictures_in_one_pass(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENV_WEIGHTS, str(tmp_path))
    network = known(published)
    add(network, published, tmp_path, ["Apache-2.0"])
    pictures = np.random.default_rng(0).integers(0, 255, (3, 70, 84, 3), np.uint8)
    seen = depth_anything.DepthAnything(network, "cpu").look(pictures, np.full((3, 2), np.nan))
    assert seen.world_from_camera.shape == (3, 4, 4) and seen.focal.shape == (3, 2)
    assert seen.depth.shape == seen.confidence.shape == (3, 70, 84)
    assert seen.sane and (seen.depth > 0).all() and (seen.confidence >= 1).all()
    rotations = seen.world_from_camera[:, :3, :3]
    assert np.allclose(rotations @ rotations.transpose(0, 2, 1), np.eye(3), atol=1e-4)
    assert np.allclose(np.linalg.det(rotations), 1, atol=1e-4)
    again = depth_anything.DepthAnything(network, "cpu").look(pictures, np.full((3, 2), np.nan))
    assert np.array_equal(seen.depth, again.depth)


@pytest.mark.usefixtures("offline")
def test_weights_of_another_network_are_refused(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENV_WEIGHTS, str(tmp_path))
    other = replace(known(published), name="da3-base")
    add(other, published, tmp_path, ["Apache-2.0"])
    with pytest.raises(ReconstructionError, match="does not hold the weights of the installed da3-base") as failure:
        depth_anything.DepthAnything(other, "cpu")
    assert failure.value.code == "WeightsUnavailable"
