"""What the training loop does besides training, with a trainer that learns nothing in no time; and that looking at the
held-out views leaves a real training as it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from reconstruction_api.worker import Progress
from reconstruction_worker.engines.training.checkpoint_store import CheckpointStore, load_checkpoint
from reconstruction_worker.engines.training.held_out_views import HeldOutViews, Look
from reconstruction_worker.engines.training.loop import TrainingLoop
from reconstruction_worker.engines.training.losses import Losses
from reconstruction_worker.engines.training.posed_photos import PosedPhoto, read_scene
from reconstruction_worker.engines.training.system import SystemNumbers, SystemSampler
from reconstruction_worker.engines.training.trainer import Schedule
from reconstruction_worker.geometry.rendering import Camera, Field, Rendering
from reconstruction_worker.stage import Stopped
from reconstruction_worker.stages import train
from tests.worker.engines.tiny_scene import Stop, context, write_ball


@pytest.fixture(autouse=True)
def frequent_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every 20 steps."""
    monkeypatch.setattr("reconstruction_worker.engines.training.held_out_views.CLOSEST", 20)


class Idle:
    """A trainer whose loss is one over the step."""

    def __init__(self, steps: int):
        self.device = torch.device("cpu")
        self.schedule = Schedule(steps, 256, 1e-2, 1e-3)
        self.step = 0
        self.rate_factor = 1.0
        self.slower_later = 1.0

    @property
    def rate(self) -> float:
        return self.schedule.rate(self.step)

    def train_step(self) -> Losses:
        self.step += 1
        return Losses(torch.tensor(1 / self.step), torch.tensor(1 / self.step))

    def is_finite(self) -> bool:
        return True

    @contextmanager
    def looking(self) -> Iterator[Field]:
        yield cast(Field, None)

    def state(self) -> dict[str, Any]:
        return {"steps": self.schedule.steps, "rate_factor": 1.0}

    def restore(self, checkpoint: dict[str, Any]) -> None:
        self.step = checkpoint["step"]
        self.schedule = Schedule(checkpoint["steps"], 256, 1e-2, 1e-3)


class Views:
    """Held-out views that show these numbers one after the other."""

    def __init__(self, *psnrs: float):
        self.left = list(psnrs)

    def __len__(self) -> int:
        return 1

    def look(self, field: Field) -> Look:
        return Look(self.left.pop(0), 0.9, None)


def run(folder: Path, views: Views, *, steps: int = 400, stop: Stop | None = None, **training: Any) -> TrainingLoop:
    """A loop that has run in a folder, from the checkpoint that is there."""
    settings = {"checkpointEverySteps": 1000, "keepCheckpoints": 1, **training}
    stage = context(folder, stop=stop, training={"steps": steps, **settings})
    stage.folder.mkdir(parents=True, exist_ok=True)
    store = CheckpointStore(stage.folder / "checkpoints", stage.spec.training.keep_checkpoints)
    loop = TrainingLoop(stage, Idle(steps), store, cast(HeldOutViews, views), {})
    if (checkpoint := store.load_latest()) is not None:
        loop.restore(checkpoint)
    loop.run()
    return loop


def checkpoints(workspace: Path) -> list[int]:
    return sorted(int(path.stem[5:]) for path in (workspace / "train" / "checkpoints").glob("*.ckpt"))


def history(workspace: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (workspace / "train" / "history.jsonl").read_text().splitlines()]


def test_training_ends_when_the_held_out_views_have_levelled_off_and_the_best_state_is_the_result(
    tmp_path: Path,
) -> None:
    loop = run(tmp_path, Views(20, 22, 25, 24.9, 24.8, 24.7, 24.6, 24.5), earlyStopping=True)
    assert (loop.trainer.step, loop.result_step) == (160, 60)
    assert checkpoints(tmp_path) == [60, 160], "the best one and the last one"


def test_an_ended_training_that_runs_again_has_nothing_to_do(tmp_path: Path) -> None:
    run(tmp_path, Views(20, 22, 20, 20, 20, 20, 20), earlyStopping=True)
    again = run(tmp_path, Views(), earlyStopping=True)
    assert (again.trainer.step, again.result_step) == (140, 40)


def test_a_stop_on_the_way_does_not_change_when_training_ends(tmp_path: Path) -> None:
    views = Views(20, 22, 20, 20, 20, 20, 20)
    with pytest.raises(Stopped, match="after step 8"):
        run(tmp_path, views, stop=Stop(80), earlyStopping=True)
    loop = run(tmp_path, views, earlyStopping=True)
    assert (loop.trainer.step, loop.result_step, views.left) == (140, 40, [])


def test_without_early_stopping_all_steps_are_done_and_the_best_checkpoint_is_kept_beside_the_last(
    tmp_path: Path,
) -> None:
    loop = run(tmp_path, Views(20, 25, 26, *[19] * 7), steps=200, checkpointEverySteps=40)
    assert (loop.trainer.step, loop.result_step) == (200, 200)
    assert checkpoints(tmp_path) == [40, 200]


def test_a_better_look_that_may_become_the_result_is_worth_a_checkpoint(tmp_path: Path) -> None:
    run(tmp_path, Views(20, 25, 24, 26, 25), steps=100, keepCheckpoints=10, earlyStopping=True)
    assert checkpoints(tmp_path) == [0, 20, 40, 80, 100]


def test_a_best_checkpoint_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        run(tmp_path, Views(25, 20, 20), steps=100, stop=Stop(60), checkpointEverySteps=20)
    (tmp_path / "train" / "checkpoints" / "step-000020.ckpt").unlink()
    loop = run(tmp_path, Views(21, 22), steps=100, checkpointEverySteps=20)
    assert loop.levelling.best_step == 100


def test_the_curve_of_the_held_out_views_is_in_the_history(tmp_path: Path) -> None:
    run(tmp_path, Views(20, 25.12), steps=40, checkpointEverySteps=10)
    assert [(line["step"], line.get("heldOutPsnr")) for line in history(tmp_path)] == [(20, 20), (40, 25.12)]


def test_live_numbers_tell_the_machine_the_speed_and_the_held_out_views(tmp_path: Path) -> None:
    told: list[Progress] = []
    stop = Stop()
    stop.report = told.append  # type: ignore[method-assign]
    run(tmp_path, Views(20, 25), steps=40, stop=stop)
    last = told[-1]
    assert (last.step, last.total_steps, last.percent, last.eta_seconds) == (40, 40, 100, 0)
    assert (last.held_out_psnr, last.held_out_ssim, last.held_out_lpips, last.trend) == (25, 0.9, None, "Improving")
    assert last.rays_per_second == pytest.approx(256 * (last.steps_per_second or 0))
    for number in (last.steps_per_second, last.memory_bytes, last.disk_free_bytes):
        assert number is not None and number > 0
    assert last.cpu_percent is not None
    assert last.gpu_memory_bytes is last.gpu_percent is None


def test_live_numbers_tell_how_a_gpu_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = SystemNumbers(memory_bytes=1, cpu_percent=2.0, gpu_memory_bytes=3, gpu_percent=98.5, disk_free_bytes=4)
    monkeypatch.setattr(SystemSampler, "sample", lambda _: numbers)
    told: list[Progress] = []
    stop = Stop()
    stop.report = told.append  # type: ignore[method-assign]
    run(tmp_path, Views(20), steps=20, stop=stop)
    assert (told[-1].gpu_memory_bytes, told[-1].gpu_percent) == (3, 98.5)


def test_a_time_budget_shortens_a_training_and_its_learning_rate_still_falls_to_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconstruction_worker.engines.training.time_plan.TimePlan.steps", lambda *_: 80)
    loop = run(tmp_path, Views(*[20] * 20), timeBudgetSeconds=10)
    assert loop.trainer.step == 80
    assert history(tmp_path)[-1]["lr"] == pytest.approx(1e-3)
    assert load_checkpoint(tmp_path / "train" / "checkpoints" / "step-000080.ckpt")["planned"]


def test_looks_leave_the_training_as_it_is_and_are_the_same_after_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    curves, models = [], []
    for name, every, stop in (("often", 20, None), ("stopped", 20, Stop(20)), ("never", 1000, None)):
        monkeypatch.setattr("reconstruction_worker.engines.training.held_out_views.CLOSEST", every)
        workspace = tmp_path / name
        write_ball(workspace, views=5, size=20)
        for each in filter(None, (stop, Stop())):
            stage = context(workspace, stop=each, training={"steps": 50, "device": "CPU", "raysPerStep": 256})
            if each is stop:
                with pytest.raises(Stopped):
                    train.run(stage)
            else:
                train.run(stage)
        curves.append([(line["step"], line["loss"], line.get("heldOutPsnr")) for line in history(workspace)])
        models.append(load_checkpoint(workspace / "train" / "checkpoints" / "step-000050.ckpt")["model"])
    torch.set_num_threads(threads)
    assert curves[0] == curves[1]
    assert [step for step, _, seen in curves[0] if seen is not None] == [20, 40, 50]
    assert [line[:2] for line in curves[2]] == [line[:2] for line in curves[0]]
    for model in models[1:]:
        assert all(torch.equal(models[0][name], model[name]) for name in model)


def test_a_scene_that_shows_each_pixel_as_it_is_looks_perfect(tmp_path: Path) -> None:
    """A picture of noise, so that the pixel beside the right one, or a mean of some, is something else."""
    write_ball(tmp_path, views=1, size=45)
    photo = read_scene(tmp_path).photos[0]
    noise = np.random.default_rng(5).integers(0, 256, (45, 45, 3), np.uint8)

    class AsItIs:
        def render(self, camera: Camera) -> Rendering:
            def seen(count: int, focal: float, centre: float, full_focal: float, full_centre: float) -> NDArray[Any]:
                return np.floor((np.arange(count) + 0.5 - centre) / focal * full_focal + full_centre).astype(int)

            full = photo.camera
            columns = seen(camera.width, camera.fx, camera.cx, full.fx, full.cx)
            rows = seen(camera.height, camera.fy, camera.cy, full.fy, full.cy)
            shape = (camera.height, camera.width)
            return Rendering(
                (noise[rows][:, columns] / 255).astype(np.float32),
                np.ones(shape, np.float32),
                np.ones(shape, np.float32),
            )

    class Noise:
        camera = photo.camera

        def pixels(self) -> NDArray[np.uint8]:
            return noise

    views = HeldOutViews([cast(PosedPhoto, Noise())], rays_per_step=30)
    assert views._views[0][0].width < 45
    assert views.look(AsItIs()).psnr == 100


def test_of_held_out_photos_as_many_pixels_are_seen_as_a_look_may_cost(tmp_path: Path) -> None:
    write_ball(tmp_path, views=10, size=40)
    sizes = [
        sum(camera.width * camera.height for camera, _ in HeldOutViews(read_scene(tmp_path).photos, rays)._views)
        for rays in (100, 10_000)
    ]
    assert 600 < sizes[0] < 1000
    assert sizes[1] == 4 * 40 * 40, "never larger than they are"
