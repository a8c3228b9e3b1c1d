"""The figures: one row for each scene and method."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from statistics import median
from typing import Any

OURS, OURS_QUARTER, PEER = "recon", "recon, a quarter of the time", "nerfstudio"
SPLATS = "recon with splats, a quarter of the time"
METHODS = (OURS, OURS_QUARTER, SPLATS, PEER)
"""In the order of the tables."""


@dataclass(frozen=True)
class Row:
    """What one method made of one scene."""

    scene: str
    method: str
    seconds: float
    """Of training, without start and loading."""
    psnr: float
    """Mean over the held-out views, decibels."""
    ssim: float
    peak_rss_mib: float
    """Of the whole process tree."""
    registered: int
    images: int
    cpu_seconds: float
    """Of training, user and system."""
    steps: int
    held_out: int
    runs: int = 1
    whole_seconds: float | None = None
    """From the photos to the quality report."""
    reprojection_error_px: float | None = None
    """Median over the sparse points; None where the poses were known."""
    poses_seconds: float | None = None
    poses_peak_rss_mib: float | None = None
    machine: dict[str, Any] | None = None


def of_runs(runs: Sequence[Row]) -> Row:
    """The median of each figure over runs of the same method on the same scene."""
    middles: dict[str, Any] = {}
    for name in (field.name for field in fields(Row)):
        values = [getattr(run, name) for run in runs]
        if all(isinstance(value, int | float) for value in values):
            middle = median(values)
            middles[name] = round(middle) if isinstance(values[0], int) else round(middle, 4)
    return replace(runs[0], **middles | {"runs": len(runs)})


def merged(old: Iterable[Row], new: Iterable[Row]) -> list[Row]:
    """`new` in place of what was known of the same scene and method; in the order of scenes as first met."""
    rows = {(row.scene, row.method): row for row in [*old, *new]}
    scenes = list(dict.fromkeys(scene for scene, _ in rows))
    return sorted(rows.values(), key=lambda row: (scenes.index(row.scene), METHODS.index(row.method)))


def read(file: Path) -> list[Row]:
    return [Row(**row) for row in json.loads(file.read_text())] if file.exists() else []


def write(file: Path, rows: Iterable[Row]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
