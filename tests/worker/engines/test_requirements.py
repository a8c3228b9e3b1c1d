"""What an engine declares to need is checked, with the numbers, before anything that takes long."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconstruction_api.engines import ENGINES, EngineSpec, Weights
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.names import ENV_WEIGHTS
from reconstruction_api.stages import StageName
from reconstruction_worker.engines import registry
from reconstruction_worker.engines.requirements import check_job, check_machine
from reconstruction_worker.ingest.bounds import check_count, check_depth
from reconstruction_worker.ingest.dataset import Dataset, DatasetImage, Original
from reconstruction_worker.stages import poses

from .tiny_scene import context

DOCS = Path(__file__).parents[3] / "docs" / "engines.md"
SPEC = EngineSpec("made-up", "MIT", "https://example.org", 2, 10)


def job(**spec: Any) -> ReconstructionJobSpec:
    return ReconstructionJobSpec.model_validate({"source": {"uri": "photos"}, "engine": "made-up", **spec})


@pytest.mark.parametrize(
    ("spec", "engine", "words"),
    [
        ({"poses": {"method": "None"}}, SPEC, "spec.poses.method is None, but the engine made-up needs camera poses"),
        ({"images": {"depth": "None"}}, replace(SPEC, needs_depth=True), "spec.images.depth is None"),
    ],
)
def test_a_field_that_does_not_go_with_the_engine_is_named(spec: Any, engine: EngineSpec, words: str) -> None:
    with pytest.raises(ReconstructionError, match=words) as failure:
        check_job(job(**spec), engine)
    assert failure.value.code == "InvalidSpec"


def test_an_engine_gets_what_it_makes_and_needs() -> None:
    check_job(job(poses={"method": "None"}), replace(SPEC, needs_poses=False))
    check_job(job(), replace(SPEC, needs_depth=True))


def test_an_engine_of_another_package_that_needs_poses_is_told_before_they_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconstruction_worker.stages.poses.available", lambda: {"made-up": None})
    monkeypatch.setattr("reconstruction_worker.stages.poses.engine_spec", lambda name: SPEC)
    (tmp_path / "ingest").mkdir()
    (tmp_path / "ingest" / "dataset.json").write_text('{"images": []}')
    with pytest.raises(ReconstructionError, match="needs camera poses"):
        poses.run(context(tmp_path, StageName.POSES, engine="made-up", poses={"method": "None"}))


def test_too_little_memory_is_said_with_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconstruction_worker.memory.limit", lambda: 2 * 2**30)
    check_machine(replace(SPEC, min_memory_bytes=2 * 2**30))
    with pytest.raises(ReconstructionError, match=r"needs 8\.0 GiB of memory; 2\.0 GiB are allowed") as failure:
        check_machine(replace(SPEC, min_memory_bytes=8 * 2**30))
    assert failure.value.code == "HostOutOfMemory"


def test_weights_are_asked_for_by_name_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV_WEIGHTS, str(tmp_path))
    content = b"numbers"
    weights = Weights("net/base.safetensors", hashlib.sha256(content).hexdigest(), "CC-BY-4.0", "https://example.org/w")
    engine = replace(SPEC, weights=(weights,))
    with pytest.raises(ReconstructionError, match=r"net/base\.safetensors .* is not there") as failure:
        check_machine(engine)
    assert failure.value.code == "WeightsUnavailable"
    for words in ("https://example.org/w", "CC-BY-4.0", str(weights.sha256)):
        assert words in (failure.value.suggestion or "")
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "base.safetensors").write_bytes(b"others")
    with pytest.raises(ReconstructionError, match="does not match its checksum"):
        check_machine(engine)
    (tmp_path / "net" / "base.safetensors").write_bytes(content)
    check_machine(engine)


def dataset(count: int, with_depth: int = 0) -> Dataset:
    return Dataset(
        images=[
            DatasetImage(
                name=f"{index}.png",
                file=f"ingest/images/{index}.png",
                width=8,
                height=8,
                depth="ingest/depth/0.npy" if index < with_depth else None,
                original=Original(name=f"{index}.jpg", width=8, height=8, sha256=str(index)),
            )
            for index in range(count)
        ]
    )


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines for few, for some and for many photos."""
    specs = {
        "few": replace(SPEC, name="few", min_images=2, max_images=5),
        "some": replace(SPEC, name="some", min_images=6, max_images=20, needs_depth=True),
        "many": replace(SPEC, name="many", min_images=21, max_images=5000),
    }
    for module in ("reconstruction_worker.ingest.bounds", "reconstruction_worker.engines.registry"):
        monkeypatch.setattr(f"{module}.available", lambda: specs)
        monkeypatch.setattr(f"{module}.engine_spec", specs.__getitem__)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("engine", "photos", "fits"), [("many", 3, "few (2 to 5)"), ("few", 8, "some (6 to 20)")])
def test_photos_outside_of_an_engines_bounds_name_the_engine_that_fits(
    engine: str, photos: int, fits: str, tmp_path: Path
) -> None:
    with pytest.raises(ReconstructionError) as failure:
        check_count(context(tmp_path, StageName.INGEST, engine=engine), dataset(photos), [])
    assert failure.value.code == "ImageCountOutOfRange"
    assert failure.value.suggestion == f"Add or remove photos, or choose an engine that takes {photos}: {fits}."


@pytest.mark.usefixtures("installed")
def test_where_no_engine_fits_none_is_named(tmp_path: Path) -> None:
    assert registry.suggestion_for(6000) is None
    with pytest.raises(ReconstructionError) as failure:
        check_count(context(tmp_path, StageName.INGEST, engine="many"), dataset(6000), [])
    assert failure.value.suggestion == failure.value.kind.suggestion


@pytest.mark.usefixtures("installed")
def test_an_engine_that_needs_depth_names_the_photos_without_it(tmp_path: Path) -> None:
    some = context(tmp_path, StageName.INGEST, engine="some")
    check_depth(some, dataset(8, with_depth=8))
    check_depth(context(tmp_path, StageName.INGEST, engine="few"), dataset(3))
    with pytest.raises(ReconstructionError, match=r"there is none for 2\.jpg, .*6\.jpg and 1 more") as failure:
        check_depth(some, dataset(8, with_depth=2))
    assert failure.value.code == "DepthInvalid"


@pytest.mark.parametrize("spec", ENGINES.values(), ids=lambda spec: spec.name)
def test_the_documentation_says_what_an_engine_declares(spec: EngineSpec) -> None:
    row = next(line for line in DOCS.read_text().splitlines() if line.startswith(f"| `{spec.name}`"))
    said = [
        f"{spec.min_images} to {spec.max_images:,}",
        f"{spec.min_vram_bytes // 2**30} GiB",
        spec.licence,
        spec.paper,
    ]
    said += [spec.makes, "with poses" if spec.needs_poses else "", "CUDA" if spec.needs_gpu else "CPU"]
    assert not [each for each in said if each not in row]


@pytest.mark.parametrize("name", ENGINES)
def test_the_installed_engines_are_those_that_are_declared(name: str) -> None:
    assert registry.engine_spec(name) is ENGINES[name]
