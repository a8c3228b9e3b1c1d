"""Whole trainings on generated photos: needs what the engines need."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from .findings import Finding, judged

SIZE, VIEWS = 128, 16
LEAST_PSNR = 20.0
"""Decibels of a view that was never seen; hundreds of steps give more."""
CLOSE = 1.0
"""Decibels by which a training that was stopped may differ from one that ran through."""
ALIKE = 0.02
"""Mean difference (0..1) between renderings of the same model on the GPU and on the CPU."""
LARGE_BATCH = 262_144
"""Rays a step that do not fit into the memory that is left for the check of running out of it."""
MEMORY_FOR_IT = 2 * 2**30


@dataclass
class Trial:
    """One training of an engine."""

    engine: str
    device: torch.device
    workspace: Path
    training: dict[str, Any]
    steps_a_second: list[float] = field(default_factory=list)

    def run(self, stop_at: int | None = None) -> None:
        """To the end, or until the step after which it is asked to stop."""
        from ..engines.registry import engine
        from ..stage import Stopped

        reached: list[int] = []

        def report(progress: Any) -> None:
            if progress.step is not None:
                reached.append(progress.step)
            if progress.steps_per_second is not None:
                self.steps_a_second.append(progress.steps_per_second)

        context = self._context(report, lambda: stop_at is not None and bool(reached) and reached[-1] >= stop_at)
        try:
            engine(self.engine).fit(context)
        except Stopped:
            if stop_at is None:
                raise

    def seen(self, on: str) -> Any:
        """A view that no photo shows, rendered on a kind of device."""
        from ..engines.registry import engine
        from ..geometry.rendering import Camera
        from .scene import look_at_origin

        camera = Camera(look_at_origin(0.5, 0.2), 1.6 * SIZE, 1.6 * SIZE, SIZE / 2, SIZE / 2, SIZE, SIZE)
        field: Any = engine(self.engine).load(self.workspace / "train", self.workspace, on)
        return field.render(camera)

    def psnr(self) -> float:
        """Of that view against the truth, in decibels."""
        from ..quality.metrics import over_white, psnr
        from .scene import ball, look_at_origin

        seen, truth = self.seen(self.device.type), ball(look_at_origin(0.5, 0.2), 1.6 * SIZE, SIZE)
        return psnr(over_white(seen.rgb, seen.alpha), over_white(truth[..., :3], truth[..., 3]))

    def _context(self, report: Any, stop_requested: Any) -> Any:
        from reconstruction_api.job import ReconstructionJobSpec
        from reconstruction_api.stages import StageName

        from ..stage import StageContext

        spec = {"source": {"uri": "photos"}, "engine": self.engine, "training": self.training}
        return StageContext(
            name=StageName.TRAIN,
            workspace=self.workspace,
            spec=ReconstructionJobSpec.model_validate(spec),
            report=report,
            stop_requested=stop_requested,
        )


def check_engine(engine: str, device: torch.device, steps: int) -> Iterator[Finding]:
    """Trains, looks, compares with the CPU, stops and continues, and runs out of memory."""
    from ..engines.registry import engine_spec

    spec = engine_spec(engine)
    with tempfile.TemporaryDirectory() as folder:
        through = _trial(engine, device, Path(folder) / "through", steps)
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        through.run()
        psnr = through.psnr()
        speed = f"{through.steps_a_second[-1]:.1f} steps a second" if through.steps_a_second else ""
        yield judged(f"{engine}, trained", psnr > LEAST_PSNR, f"{psnr:.1f} dB after {steps} steps, {speed}")
        if device.type == "cuda":
            used = torch.cuda.max_memory_allocated()
            measured = f"{used / 2**30:.2f} GiB of {spec.min_vram_bytes / 2**30:.0f} GiB"
            yield judged(f"{engine}, memory against the promise", used < spec.min_vram_bytes, measured)
        here, there = through.seen(device.type), through.seen("cpu")
        difference = float(abs(here.rgb * here.alpha[..., None] - there.rgb * there.alpha[..., None]).mean())
        yield judged(f"{engine}, rendered as on the CPU", difference < ALIKE, f"mean difference {difference:.4f}")
        stopped = _trial(engine, device, Path(folder) / "stopped", steps)
        stopped.run(stop_at=steps // 2)
        stopped.run()
        again = stopped.psnr()
        yield judged(f"{engine}, stopped and continued", abs(again - psnr) < CLOSE, f"{again:.1f} dB")
        if device.type == "cuda" and engine == "nerfacto":
            yield _out_of_memory(engine, device, Path(folder) / "full")


def _out_of_memory(engine: str, device: torch.device, workspace: Path) -> Finding:
    """A step for which there is not enough memory is divided until there is."""
    from ..engines.training.checkpoint_store import CheckpointStore

    trial = _trial(engine, device, workspace, 5)
    trial.training["raysPerStep"] = LARGE_BATCH
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(MEMORY_FOR_IT / torch.cuda.mem_get_info()[1])
    try:
        trial.run()
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    checkpoint = CheckpointStore(workspace / "train" / "checkpoints", 1).load_latest() or {}
    parts = checkpoint.get("parts", 0)
    return judged(f"{engine}, out of memory", parts > 1, f"{LARGE_BATCH} rays in {parts} parts within 2 GiB")


def _trial(engine: str, device: torch.device, workspace: Path, steps: int) -> Trial:
    from .scene import write_ball

    workspace.mkdir(parents=True)
    write_ball(workspace, views=VIEWS, size=SIZE)
    kind = "CUDA" if device.type == "cuda" else "CPU"
    return Trial(engine, device, workspace, {"steps": steps, "device": kind, "checkpointEverySteps": max(1, steps)})
