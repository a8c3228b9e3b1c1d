"""`train/history.jsonl`: how training went, one JSON object a line."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from reconstruction_api.documents.base import Document
from reconstruction_api.live_view import HISTORY

from .held_out_views import Look

FILE = HISTORY


class HistoryLine(Document):
    """One line. What concerns the held-out views is only in the lines of the steps after which they were looked at."""

    step: int
    loss: float
    psnr: float
    """Of the batch, in decibels."""
    rate: float | None = Field(default=None, validation_alias="lr", serialization_alias="lr")
    """Learning rate."""
    seconds: float | None = None
    """Spent in training up to this step, in all processes that took part."""
    steps_per_second: float | None = None
    rays_per_second: int | None = None
    held_out_psnr: float | None = None
    held_out_ssim: float | None = None
    held_out_lpips: float | None = None


@dataclass(frozen=True)
class Measurement:
    """What a line says, as it was measured."""

    step: int
    loss: float
    psnr: float
    rate: float
    seconds: float
    steps_per_second: float
    rays_per_second: float
    held_out: Look | None = None

    def line(self) -> HistoryLine:
        """Rounded to what is worth keeping."""
        line = HistoryLine(
            step=self.step,
            loss=round(self.loss, 6),
            psnr=round(self.psnr, 2),
            rate=self.rate,
            seconds=round(self.seconds, 2),
            steps_per_second=round(self.steps_per_second, 2),
            rays_per_second=round(self.rays_per_second),
        )
        if self.held_out is not None:
            seen = {"psnr": self.held_out.psnr, "ssim": self.held_out.ssim, "lpips": self.held_out.lpips}
            known = {f"held_out_{name}": round(number, 4) for name, number in seen.items() if number is not None}
            line = line.model_copy(update=known)
        return line


class History:
    """The file, open for more lines."""

    def __init__(self, file: Path, first_step: int):
        """Lines after `first_step` were written by a process that was killed before its next checkpoint."""
        self.file = file
        lines = file.read_text().splitlines() if file.exists() else []
        kept = [line for line in lines if _step_of(line) <= first_step]
        file.write_text("".join(f"{line}\n" for line in kept))

    def add(self, measurement: Measurement) -> None:
        with self.file.open("a") as stream:
            stream.write(json.dumps(measurement.line().data()) + "\n")


def read_history(train: Path) -> list[HistoryLine]:
    """What the training stage left in its folder; nothing where it left none."""
    file = train / FILE
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [HistoryLine.model_validate(json.loads(line)) for line in lines if line.strip()]


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf  # a line cut short by a kill
