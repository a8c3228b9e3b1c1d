"""`train/history.jsonl`: how training went, one JSON object a line."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .held_out_views import Look


@dataclass(frozen=True)
class Measurement:
    """One line."""

    step: int
    loss: float
    psnr: float
    """Of the batch, in decibels."""
    rate: float
    seconds: float
    """Spent in training up to this step, in all processes that took part."""
    steps_per_second: float
    rays_per_second: float
    held_out: Look | None = None

    def document(self) -> dict[str, Any]:
        line = {
            "step": self.step,
            "loss": round(self.loss, 6),
            "psnr": round(self.psnr, 2),
            "lr": self.rate,
            "seconds": round(self.seconds, 2),
            "stepsPerSecond": round(self.steps_per_second, 2),
            "raysPerSecond": round(self.rays_per_second),
        }
        if self.held_out is not None:
            numbers = {"Psnr": self.held_out.psnr, "Ssim": self.held_out.ssim, "Lpips": self.held_out.lpips}
            line |= {f"heldOut{name}": round(number, 4) for name, number in numbers.items() if number is not None}
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
            stream.write(json.dumps(measurement.document()) + "\n")


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf  # a line cut short by a kill
