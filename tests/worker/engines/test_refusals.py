"""Each engine of the worker refuses what it can't take where no device has been asked for yet, and names the one that
would."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconstruction_api.engines import ENGINES, EngineSpec
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import BY_NAME, ResourceClass, StageName
from reconstruction_api.training import Device
from reconstruction_worker.engines import requirements
from reconstruction_worker.engines.training.device import choose_device
from reconstruction_worker.ingest.bounds import check_count, check_depth

from .test_requirements import context, dataset

EACH = pytest.mark.parametrize("spec", ENGINES.values(), ids=lambda spec: spec.name)


def refusal(tmp_path: Path, spec: EngineSpec, photos: int, depth: int = 0) -> ReconstructionError:
    """Of the stage `ingest`, which pods without a device run."""
    assert BY_NAME[StageName.INGEST].resource_class is ResourceClass.PREPARE
    asked, found = context(tmp_path, StageName.INGEST, engine=spec.name), dataset(photos, with_depth=depth)
    with pytest.raises(ReconstructionError) as failure:
        check_count(asked, found, [])
        check_depth(asked, found)
    return failure.value


@EACH
def test_too_many_photos(spec: EngineSpec, tmp_path: Path) -> None:
    error = refusal(tmp_path, spec, spec.max_images + 1)
    assert error.code == "ImageCountOutOfRange" and f"{spec.name} takes at most {spec.max_images}" in error.message
    fitting = [each for each in ENGINES.values() if each.min_images <= spec.max_images + 1 <= each.max_images]
    assert all(f"{each.name} ({each.min_images} to {each.max_images})" in error.suggestion for each in fitting)


@EACH
def test_too_few_photos(spec: EngineSpec, tmp_path: Path) -> None:
    error = refusal(tmp_path, spec, spec.min_images - 1)
    assert error.code == "ImageCountOutOfRange" and f"{spec.name} needs at least {spec.min_images}" in error.message
    if spec.min_images > 2:
        assert "choose an engine that takes 2: depth-fusion (2 to 1000), splats (2 to 1000)" in error.suggestion


@pytest.mark.parametrize("spec", [each for each in ENGINES.values() if each.needs_depth], ids=lambda spec: spec.name)
def test_photos_without_the_depth_maps_that_it_needs(spec: EngineSpec, tmp_path: Path) -> None:
    error = refusal(tmp_path, spec, 6, depth=5)
    assert error.code == "DepthInvalid" and "5.jpg" in error.message
    assert error.suggestion == "Add the missing maps, or choose nerfacto, splatfacto, splats or vanilla-nerf."


@EACH
def test_no_poses_and_no_depth_for_one_that_needs_them(spec: EngineSpec) -> None:
    assert spec.needs_poses, "the message names those that need none, of which there is one by now"
    with pytest.raises(ValueError, match=r"poses\.method None is for engines that need no camera poses"):
        ReconstructionJobSpec.model_validate(
            {"source": {"uri": "photos"}, "engine": spec.name, "poses": {"method": "None"}}
        )
    if spec.needs_depth:
        with pytest.raises(ValueError, match="leave the field out, or choose splats or nerfacto"):
            ReconstructionJobSpec.model_validate(
                {"source": {"uri": "photos"}, "engine": spec.name, "images": {"depth": "None"}}
            )


@EACH
def test_a_device_that_it_has_no_use_for_or_can_not_do_without(spec: EngineSpec) -> None:
    job = {"source": {"uri": "photos"}, "engine": spec.name}
    if not spec.uses_gpu:
        with pytest.raises(ValueError, match="engines that use a GPU, such as splats and nerfacto"):
            ReconstructionJobSpec.model_validate(job | {"training": {"device": "CUDA"}})
    if spec.needs_gpu:
        with pytest.raises(ReconstructionError) as failure:
            choose_device(Device.CPU, spec)
        assert failure.value.suggestion == "Clear the field, or choose depth-fusion, nerfacto, splats or vanilla-nerf."


def test_more_memory_than_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    greedy = EngineSpec("greedy", "MIT", "https://example.org", 2, 10, min_memory_bytes=2**50)
    with pytest.raises(ReconstructionError) as failure:
        requirements.check_machine(greedy)
    assert failure.value.suggestion.endswith("choose depth-fusion, nerfacto, splatfacto, splats or vanilla-nerf.")
