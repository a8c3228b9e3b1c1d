"""The original radiance field on a tiny scene."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from reconstruction_worker.engines.training.checkpoint_store import load_checkpoint
from reconstruction_worker.engines.vanilla_nerf import ENGINE
from reconstruction_worker.engines.vanilla_nerf.settings import CPU
from reconstruction_worker.geometry.rendering import Camera
from reconstruction_worker.quality.metrics import over_white, psnr
from reconstruction_worker.stage import Stopped
from tests.worker.engines.tiny_scene import Stop, ball, context, look_at_origin, write_ball

SMALL = {"raysPerStep": 256, "width": 32, "layers": 3, "coarseSamples": 12, "fineSamples": 12, "firstRate": 5e-3}
TRAINING = {"steps": 100, "device": "CPU", "checkpointEverySteps": 100}


@pytest.fixture(autouse=True)
def small() -> Iterator[None]:
    """Enough for so small a scene."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SMALL.items():
            patch.setitem(CPU, name, value)
        yield


def test_a_view_that_was_never_seen_is_reproduced(tmp_path: Path) -> None:
    write_ball(tmp_path)
    ENGINE.fit(context(tmp_path, engine="vanilla-nerf", training=TRAINING))
    assert json.loads((tmp_path / "train" / "engine.json").read_text())["engine"] == "vanilla-nerf"
    pose, size = look_at_origin(0.5, 0.2), 40
    rendering = ENGINE.load(tmp_path / "train", tmp_path, "cpu").render(Camera(pose, 64, 64, 20, 20, size, size))
    truth = ball(pose, 64, size)
    assert psnr(over_white(rendering.rgb, rendering.alpha), over_white(truth[..., :3], truth[..., 3])) > 15
    assert rendering.depth[20, 20] == pytest.approx(3.0 - 0.6, abs=0.3)


def test_a_stopped_and_resumed_training_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    threads, results = torch.get_num_threads(), []
    torch.set_num_threads(1)
    try:
        for name, stop in (("through", None), ("stopped", Stop(20))):
            write_ball(tmp_path / name, views=4, size=16, alpha=False)
            settings = {**TRAINING, "steps": 30}
            if stop is not None:
                with pytest.raises(Stopped):
                    ENGINE.fit(context(tmp_path / name, stop=stop, engine="vanilla-nerf", training=settings))
            ENGINE.fit(context(tmp_path / name, engine="vanilla-nerf", training=settings))
            results.append(load_checkpoint(tmp_path / name / "train" / "checkpoints" / "step-000030.ckpt")["model"])
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(results[0][key], results[1][key]) for key in results[0])
