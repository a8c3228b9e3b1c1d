"""A scene small enough to train in seconds: a coloured ball, rendered exactly, seen from a ring of cameras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import StageName
from reconstruction_worker.gpu_check.scene import DISTANCE, RADIUS, ball, ball_depth, look_at_origin, write_ball
from reconstruction_worker.stage import StageContext

__all__ = ["DISTANCE", "RADIUS", "Stop", "ball", "ball_depth", "context", "look_at_origin", "write_ball"]


class Stop:
    """Asks to stop once training has reported a step."""

    def __init__(self, at_step: int | None = None):
        self.at_step = at_step
        self.steps: list[int] = []

    def report(self, progress: Any) -> None:
        if progress.step is not None:
            self.steps.append(progress.step)

    def requested(self) -> bool:
        return self.at_step is not None and any(step >= self.at_step for step in self.steps)


def context(
    workspace: Path, stage: StageName = StageName.TRAIN, *, stop: Stop | None = None, **spec: Any
) -> StageContext:
    """A stage's context; `spec` are fields of the job's spec."""
    stop = stop or Stop()
    return StageContext(
        name=stage,
        workspace=workspace,
        spec=ReconstructionJobSpec.model_validate({"source": {"uri": "photos"}, **spec}),
        report=stop.report,
        stop_requested=stop.requested,
    )
