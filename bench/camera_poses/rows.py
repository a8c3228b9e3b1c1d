"""What is measured, and what it is held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reconstruction_worker.geometry.similarity import fit_similarity

from ..bar import Bar
from .attempt import EARLIER, OURS, PEER
from .scenes import SCENES, Scene

PLACED_SHARE = 0.9
"""Of the photos of a hard scene."""
ERROR_PERCENT = 1.0
"""Of the extent, of a placed photo's position, for it to count as right."""
MEMORY_GIB = 4.0
SHARE_OF_EARLIER = 0.5
"""Of the processor time that given poses took."""


@dataclass(frozen=True)
class Row:
    """One method on one scene."""

    scene: str
    method: str
    photos: int
    placed: int
    error_percent: float | None
    """Largest error of a position, in percent of the extent of the true ones; None where these are not known."""
    right: int | None
    """Photos placed within ERROR_PERCENT."""
    strategy: str
    seconds: float
    cpu_seconds: float
    peak_rss_mib: float
    load_average: float
    """Of the machine, before."""


def position_errors(found: Mapping[str, Sequence[float]], truth: Mapping[str, NDArray[np.float64]]) -> list[float]:
    """Of each placed photo, in percent of the extent of the true positions, after the best similarity."""
    names = sorted(found)
    if len(names) < 3:
        return []
    positions, expected = np.array([found[name] for name in names]), np.array([truth[name] for name in names])
    fit = fit_similarity(expected, positions)
    distances = np.linalg.norm(fit.points(expected) - positions, axis=1) / fit.scale
    extent = np.linalg.norm(np.ptp(np.array(list(truth.values())), axis=0))
    return [float(100 * distance / extent) for distance in distances]


def bars(rows: Sequence[Row]) -> list[Bar]:
    """What holds of the rows that are there."""
    by_scene = {scene.name: scene for scene in SCENES}
    ours = [row for row in rows if row.method == OURS and row.scene in by_scene]
    peers = {row.scene: row for row in rows if row.method == PEER}
    before = {row.scene: row for row in rows if row.method == EARLIER}
    found: list[Bar] = []
    for row in ours:
        found += _of_row(row, by_scene[row.scene], peers.get(row.scene))
        if row.scene in before:
            share = row.cpu_seconds / before[row.scene].cpu_seconds
            what = f"{row.scene}: at most {SHARE_OF_EARLIER:.0%} of the processor time that it took earlier"
            found.append(Bar(what, share <= SHARE_OF_EARLIER, f"{share:.0%}"))
    if ours:
        most = max(row.peak_rss_mib for row in ours) / 1024
        found.append(Bar(f"at most {MEMORY_GIB:g} GiB", most <= MEMORY_GIB, f"{most:.1f} GiB"))
    return found


def _of_row(row: Row, scene: Scene, peer: Row | None) -> list[Bar]:
    found: list[Bar] = []
    if peer is not None:
        what = f"{row.scene}: not fewer photos than pycolmap's defaults"
        found.append(Bar(what, row.placed >= peer.placed, f"{row.placed} against {peer.placed}"))
    if scene.hard and row.right is not None:
        what = f"{row.scene}: {PLACED_SHARE:.0%} of the photos within {ERROR_PERCENT:g} % of the extent"
        found.append(Bar(what, row.right >= PLACED_SHARE * row.photos, f"{row.right} of {row.photos}"))
    if scene.most_seconds is not None:
        what = f"{row.scene}: {scene.most_seconds / 60:g} min on two cores"
        found.append(Bar(what, row.seconds <= scene.most_seconds, f"{row.seconds / 60:.1f} min"))
    if scene.most_cpu_seconds is not None:
        what = f"{row.scene}: {scene.most_cpu_seconds:g} s of processor time"
        found.append(Bar(what, row.cpu_seconds <= scene.most_cpu_seconds, f"{row.cpu_seconds:.0f} s"))
    return found
