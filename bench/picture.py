"""The operator's benchmark as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure


def draw(starts: list[float], lags: list[float], figures: dict[str, Any], file: Path) -> None:
    """Left: child Jobs over time after all jobs were applied at once. Right: how late a job's status is."""
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(starts, range(1, len(starts) + 1), label=f"operator: {figures['jobs_per_second']:g} jobs/s")
    raw = figures["raw_creates_per_second"]
    left.plot([0, len(starts) / raw], [0, len(starts)], "--", label=f"API server, plain Jobs: {raw:g}/s")
    left.set(xlabel="seconds after the first job", ylabel="child Jobs", title=f"{len(starts)} jobs at once")
    left.legend()
    right.plot(lags, [100 * (number + 1) / len(lags) for number in range(len(lags))])
    right.axvline(2, linestyle=":", color="gray")
    right.set(xlabel="seconds from a pod's end to status", ylabel="% of jobs", title="status lag, steady state", xlim=0)
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.savefig(file, metadata={"Date": None})
