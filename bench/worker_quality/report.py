"""The figures as tables in the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .. import page
from .bars import bars
from .rows import OURS, Row
from .scenes import SCENES

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
NAME = "bench-worker"
PICTURE = "![A held-out photo of each scene, our rendering and nerfstudio's](../bench/results/worker.jpg)"


def tables(rows: Sequence[Row]) -> str:
    """Markdown: quality, then camera poses, then what the figures are held against."""
    parts = [_quality(rows)]
    placed = [row for row in rows if row.method == OURS and row.reprojection_error_px is not None]
    if placed:
        parts.append(_poses(placed))
    parts.append("\n".join(bar.line() for bar in bars(rows)))
    return "\n\n".join(parts)


def _quality(rows: Sequence[Row]) -> str:
    titles = {scene.name: scene.title for scene in SCENES}
    lines = [
        "| scene | method | training, wall / processor | steps | PSNR | SSIM | most memory |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        scene = f"{titles.get(row.scene, row.scene)} ({row.held_out} held out)"
        lines.append(
            f"| {scene} | {row.method} | {row.seconds:.0f} s / {row.cpu_seconds:.0f} s | {row.steps} | "
            f"{row.psnr:.2f} dB | {row.ssim:.3f} | {row.peak_rss_mib:.0f} MiB |"
        )
    return "\n".join(lines)


def _poses(rows: Sequence[Row]) -> str:
    lines = [
        "| camera poses | placed | median reprojection error | time | most memory |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.scene} | {row.registered} of {row.images} | {row.reprojection_error_px:.2f} px | "
        f"{row.poses_seconds:.0f} s | {row.poses_peak_rss_mib:.0f} MiB |"
        for row in rows
    ]
    return "\n".join(lines)


def write(rows: Sequence[Row]) -> None:
    """Replace the tables and the picture of the page."""
    page.write(PAGE, NAME, f"{tables(rows)}\n\n{PICTURE}")
