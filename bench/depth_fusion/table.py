"""The results in words: a table of all runs, and which bars they meet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..bar import Bar

ENGINE = "depth-fusion"
F_AT_1_PERCENT = {"exact": 0.97, "noisy": 0.92}
PSNR = {"exact": 29.0, "noisy": 24.0}
"""Least means over objects' new views, in decibels, by the kind of depth maps."""
SECONDS, PROCESSORS = 20.0, 2
"""After the poses, on a machine with so many processors that has nothing else to do."""


def table(rows: Mapping[str, dict[str, Any]]) -> str:
    """Markdown, of rows by `OBJECT-MAPS-ENGINE`."""
    lines = [
        "| object | depth maps | engine | F at 1 %, 2 % | normals off by | new views, mean (worst) "
        "| after the poses, wall / processor | load before |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        known = row["known"]
        cells = (
            *name.split("-", 2),
            f"{known['f_at_1_percent']:.3f}, {known['f_at_2_percent']:.3f}",
            f"{known['normals_degrees']:.1f}°",
            f"{row['psnr']:.1f} dB ({row['worst_psnr']:.1f})",
            f"{row['seconds_after_poses']:.0f} s / {row['cpu_seconds_after_poses']:.0f} s",
            f"{row['machine']['load_average_before']:g}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", *(bar.line() for name, row in rows.items() for bar in bars(name, row))])


def bars(name: str, row: Mapping[str, Any]) -> list[Bar]:
    """Those of a run; none for an engine that is only there to compare with."""
    known, maps, engine = name.split("-", 2)
    if engine != ENGINE:
        return []
    f, psnr, cpu = row["known"]["f_at_1_percent"], row["psnr"], row["cpu_seconds_after_poses"]
    what = f"{known}, {maps} maps"
    return [
        Bar(f"{what}: F at 1 % of {F_AT_1_PERCENT[maps]}", f >= F_AT_1_PERCENT[maps], f"{f:.3f}"),
        Bar(f"{what}: new views at {PSNR[maps]:.0f} dB", psnr >= PSNR[maps], f"{psnr:.1f} dB"),
        Bar(
            f"{what}: {SECONDS:.0f} s after the poses on {PROCESSORS} processors",
            cpu <= PROCESSORS * SECONDS,
            f"{cpu:.0f} processor seconds",
        ),
    ]
