"""What engines derive from the scene, the preset and the device."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reconstruction_api.training import Training
from reconstruction_worker.engines.nerfacto import settings as nerfacto
from reconstruction_worker.engines.splatfacto import settings as splatfacto
from reconstruction_worker.engines.training.posed_photos import PosedPhoto, Scene
from reconstruction_worker.engines.training.scene_bounds import Bounds
from reconstruction_worker.engines.vanilla_nerf import settings as vanilla_nerf
from reconstruction_worker.geometry.rendering import Camera

ENGINES = {"nerfacto": nerfacto.derive_settings, "vanilla-nerf": vanilla_nerf.derive_settings}
BOUNDED = Bounds(1.0, 3.0, ((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0)))


def scene(photos: int = 40, side: int = 800, near: float = 1.0, far: float = 3.0) -> Scene:
    """Photos of something at two units' distance."""
    pose = np.eye(4)
    pose[2, 3] = 2
    camera = Camera(pose, side, side, side / 2, side / 2, side, side)
    shown = tuple(PosedPhoto(f"{i}.png", Path(f"{i}.png"), camera) for i in range(photos))
    return Scene(shown, True, np.array([[-1.0] * 3, [1.0] * 3]), near, far)


def derived(engine: str, device: str = "cpu", bounds: Bounds = BOUNDED, of: Scene | None = None, **training: Any):
    return ENGINES[engine](of or scene(), bounds, Training.model_validate(training), torch.device(device))


@pytest.mark.parametrize(
    ("preset", "on_gpu", "steps"),
    [
        ("Production", True, 30_000),
        ("Production", False, 6000),
        ("Development", True, 3000),
        ("Development", False, 1000),
    ],
)
def test_unset_steps_follow_preset_and_device(preset: str, on_gpu: bool, steps: int) -> None:
    assert Training.model_validate({"preset": preset}).planned_steps(on_gpu=on_gpu) == steps
    assert Training.model_validate({"preset": preset, "steps": 7}).planned_steps(on_gpu=on_gpu) == 7


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("engine", ENGINES)
def test_development_takes_less_time_and_memory(engine: str, device: str) -> None:
    full, small = derived(engine, device), derived(engine, device, preset="Development")
    assert small["raysPerStep"] * small["bytesPerRay"] < 0.6 * full["raysPerStep"] * full["bytesPerRay"]


@pytest.mark.parametrize("engine", ENGINES)
def test_samples_are_denser_nearby_where_the_scene_reaches_far(engine: str) -> None:
    open_scene, near, far = Bounds(1.0, 100.0), scene(far=100.0), scene()
    assert derived(engine, bounds=open_scene, of=near)["initialSampler"] == "piecewise"
    assert derived(engine, bounds=Bounds(1.0, 3.0), of=far)["initialSampler"] == "uniform"
    assert derived(engine)["initialSampler"] == "uniform"


def test_grids_are_as_fine_as_the_photos() -> None:
    sides = [derived("nerfacto", "cuda", of=scene(side=side))["maxResolution"] for side in (100, 400, 1600)]
    assert sides == [128, 512, 2048]


def test_tables_have_no_more_rows_than_the_photos_have_pixels() -> None:
    small, large = scene(photos=10, side=50), scene(photos=40)
    assert [derived("nerfacto", of=each)["log2TableSize"] for each in (small, large)] == [15, 17]


def test_a_shorter_training_refines_gaussians_sooner() -> None:
    short, full = (splatfacto.derive_settings(scene(), Training(steps=steps), 2**40) for steps in (3000, 30_000))
    assert (full["refineFrom"], full["refineEvery"], full["refineUntil"]) == (500, 100, 15_000)
    assert (short["refineFrom"], short["refineEvery"], short["refineUntil"]) == (50, 10, 1500)


def test_depth_maps_weigh_less_the_more_photos_there_are() -> None:
    """Beside 32 photos, maps with errors of a percent cost four decibels at the weight that six need."""

    def settings(photos: int, depth: Path | None) -> dict[str, Any]:
        bare = scene(photos)
        return derived("nerfacto", of=replace(bare, photos=tuple(replace(each, depth=depth) for each in bare.photos)))

    few, many, without = settings(6, Path("a.png")), settings(60, Path("a.png")), settings(60, None)
    assert few["depthWeights"] == [0.1, 0.01]
    assert many["depthWeights"] == pytest.approx([0.01, 0.0001])
    assert (few["depthTolerance"], many["depthTolerance"]) == (0.03, 0.03)
    assert (without["depthWeights"], without["depthTolerance"]) == ([0.002, 0.002], 0.0)


def test_splatfacto_has_no_more_gaussians_than_half_of_the_memory_holds() -> None:
    each = splatfacto.bytes_per_gaussian(3)
    few, many = (splatfacto.derive_settings(scene(), Training(), free) for free in (2 * each * 1500, 1 << 50))
    assert (few["mostGaussians"], many["mostGaussians"]) == (1500, splatfacto.MOST_GAUSSIANS)
