"""Weights are added by people, checked before they are read, and hold nothing but numbers."""

from __future__ import annotations

import hashlib
import os
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.names import ENV_WEIGHTS
from reconstruction_api.profile import FREE_LICENSES
from reconstruction_api.weights import NETWORKS, Network, Upstream
from reconstruction_worker.weights.adding import add
from reconstruction_worker.weights.checking import checked, weights_folder
from reconstruction_worker.weights.known import packaged_file
from reconstruction_worker.weights.loading import load_into

TENSORS = {"net.weight": torch.arange(6.0).reshape(2, 3), "net.bias": torch.tensor([1.0, 2.0]), "head": torch.ones(3)}


def network(file: Path, **fields: Any) -> Network:
    """A made-up network whose published file is this one."""
    upstream = Upstream(file.name, file.stat().st_size, hashlib.sha256(file.read_bytes()).hexdigest())
    return Network(
        **{
            "name": "made-up",
            "used_for": "nothing",
            "licence": "MIT",
            "source": "https://example.org/w",
            "upstream": upstream,
            **fields,
        }
    )


@pytest.fixture
def published(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_file(TENSORS, path)
    return path


@pytest.fixture
def pickled(tmp_path: Path) -> Path:
    path = tmp_path / "model.pth"
    torch.save({"state_dict": TENSORS, "epoch": 19}, path)
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "weights"
    monkeypatch.setenv(ENV_WEIGHTS, str(path))
    return path


def refused(known: Network) -> ReconstructionError:
    with pytest.raises(ReconstructionError) as failure:
        checked(known)
    assert failure.value.code == "WeightsUnavailable"
    return failure.value


def test_missing_weights_are_named_with_what_to_put_where(published: Path, folder: Path) -> None:
    error = refused(network(published))
    assert f"made-up/model.safetensors in the folder of weights {folder}; the file is not there" in error.message
    for words in ("recon weights add made-up", "https://example.org/w", "MIT", network(published).upstream.sha256):
        assert str(words) in error.suggestion


def test_truncated_weights_are_not_read(published: Path, folder: Path) -> None:
    known = network(published)
    path = add(known, published, folder, FREE_LICENSES)
    whole = (folder / path.file).read_bytes()
    (folder / path.file).write_bytes(whole[:-8])
    assert f"is incomplete: it has {len(whole) - 8} of {len(whole)} bytes" in refused(known).message


def test_weights_with_another_checksum_are_not_read(published: Path, folder: Path) -> None:
    known = network(published)
    add(known, published, folder, FREE_LICENSES)
    whole = bytearray(checked(known).read_bytes())
    whole[-1] ^= 1
    checked(known).write_bytes(whole)
    assert "does not match its checksum" in refused(known).message


def test_a_file_that_is_not_the_published_one_is_not_added(published: Path, folder: Path, tmp_path: Path) -> None:
    known = network(published)
    other, part = tmp_path / "other.safetensors", tmp_path / "part.safetensors"
    save_file(TENSORS | {"head": torch.zeros(3)}, other)
    part.write_bytes(published.read_bytes()[:40])
    for file, words in ((other, "does not match its checksum"), (part, "is incomplete: it has 40 of")):
        with pytest.raises(ReconstructionError, match=words) as failure:
            add(known, file, folder, FREE_LICENSES)
        assert failure.value.code == "WeightsUnavailable"
    assert not folder.exists()


def test_a_licence_has_to_be_accepted_by_name(published: Path, folder: Path) -> None:
    known = network(published, licence="CC-BY-NC-4.0")
    with pytest.raises(ReconstructionError, match=r"is 'CC-BY-NC-4\.0'") as failure:
        add(known, published, folder, FREE_LICENSES)
    assert failure.value.code == "LicenseNotAccepted"
    assert "--accept-license CC-BY-NC-4.0" in failure.value.suggestion
    add(known, published, folder, ("CC-BY-NC-4.0",))
    assert checked(known).is_file()


class Code:
    """Runs when it is read from a pickle."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("write", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content))])
def test_a_pickle_with_code_is_refused_and_nothing_of_it_runs(tmp_path: Path, folder: Path, write: Any) -> None:
    path, trace = tmp_path / "model.ckpt", tmp_path / "it-ran"
    write({"state_dict": TENSORS, "hyper_parameters": Code(trace)}, path)
    with pytest.raises(ReconstructionError, match="code that would run when it is read") as failure:
        add(network(path), path, folder, FREE_LICENSES)
    assert failure.value.code == "WeightsUnavailable"
    assert not trace.exists() and not list(folder.rglob("*.safetensors"))


def test_a_pickle_is_made_into_numbers_once(pickled: Path, folder: Path) -> None:
    known = network(pickled, kept="net.")
    added = add(known, pickled, folder, FREE_LICENSES)
    assert added.file == "made-up/model.safetensors"
    path = checked(known)
    assert path == folder / added.file
    found = load_file(path)
    assert set(found) == {"net.weight", "net.bias"}
    assert all(torch.equal(found[name], TENSORS[name]) for name in found)
    again = add(known, pickled, folder, FREE_LICENSES)
    assert again.sha256 == added.sha256, "the same numbers are the same file"


def test_converted_weights_are_known_by_what_they_were_made_from(pickled: Path, folder: Path) -> None:
    known = network(pickled)
    path = folder / known.file
    path.parent.mkdir(parents=True)
    save_file(TENSORS, path)
    assert "was not put there by `recon weights add`" in refused(known).message
    add(known, pickled, folder, FREE_LICENSES)
    later = replace(known, upstream=replace(known.upstream, sha256="0" * 64))
    assert "was made from another model.pth" in refused(later).message


def test_what_was_added_decides_where_nobody_states_a_checksum(pickled: Path, folder: Path) -> None:
    known = network(pickled, upstream=Upstream("model.pth", None, None))
    add(known, pickled, folder, FREE_LICENSES)
    path = checked(known)
    path.write_bytes(path.read_bytes()[:-4])
    assert "is incomplete" in refused(known).message


@pytest.mark.parametrize("name", ["model.pth", "model.safetensors"])
def test_a_damaged_file_is_called_so(tmp_path: Path, folder: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"PK\x03\x04 no weights at all")
    with pytest.raises(ReconstructionError) as failure:
        add(network(path), path, folder, FREE_LICENSES)
    assert failure.value.code == "WeightsUnavailable"
    assert not list(folder.rglob("*.tmp")) and not list(folder.rglob("*.safetensors"))


def test_a_module_takes_its_weights_and_no_others(published: Path, folder: Path) -> None:
    known = network(published)
    add(known, published, folder, FREE_LICENSES)
    module = torch.nn.Linear(3, 2)
    load_into(module, known, "net.")
    assert torch.equal(module.bias, TENSORS["net.bias"])
    with pytest.raises(ReconstructionError, match="bias is missing or has another shape") as failure:
        load_into(torch.nn.Linear(3, 5), known, "net.")
    assert failure.value.code == "WeightsUnavailable"


def test_the_folder_of_a_pod_is_the_mounted_volume(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENV_WEIGHTS, raising=False)
    assert weights_folder() == Path("/weights")


@pytest.mark.parametrize("known", [each for each in NETWORKS.values() if each.package], ids=lambda each: each.name)
def test_weights_that_a_package_brings_are_those_of_the_manifest(known: Network) -> None:
    path = packaged_file(known)
    if path is None:
        pytest.skip(f"{known.package} is not installed")
    assert path.stat().st_size == known.upstream.bytes
    assert hashlib.sha256(path.read_bytes()).hexdigest() == known.upstream.sha256
