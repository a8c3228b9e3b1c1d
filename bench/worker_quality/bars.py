"""What the figures are held against."""

from __future__ import annotations

from collections.abc import Sequence

from ..bar import Bar
from .rows import OURS, OURS_QUARTER, PEER, SPLATS, Row

BETTER_DB = 2.0
OBJECT_PSNR, OBJECT_SECONDS, OBJECT_MIB = 29.5, 100, 1536
SPLATS_PSNR = {"object": (35.0, 27.0), "demo": (33.3, 25.0)}
"""Decibels, and the seconds of training in which splats are to reach them on a quiet machine. On other scenes they are
to be as good as nerfacto in the same time, a quarter of the whole."""
PROCESSORS = 2
"""Of the machine that these seconds are meant for."""
MOST_UNREGISTERED = {"drone": 0, "lund": 2}
REPROJECTION_PX = 1.0
POSES_MIB = 2048


def bars(rows: Sequence[Row]) -> list[Bar]:
    """Those that the rows say something about."""
    of = {(row.scene, row.method): row for row in rows}
    found: list[Bar] = []
    for scene in dict.fromkeys(row.scene for row in rows):
        ours, quarter, peer = (of.get((scene, method)) for method in (OURS, OURS_QUARTER, PEER))
        splats = of.get((scene, SPLATS))
        if splats is not None and (scene in SPLATS_PSNR or quarter is not None):
            found.append(_splats(scene, splats, quarter))
        if ours is None:
            continue
        if peer is not None:
            found.append(_against(scene, ours, quarter, peer))
        if scene == "object":
            found.append(_object([row for row in (quarter, ours) if row is not None]))
        if scene in MOST_UNREGISTERED:
            found.append(_poses(scene, ours))
    return found


def _against(scene: str, ours: Row, quarter: Row | None, peer: Row) -> Bar:
    ahead = ours.psnr - peer.psnr
    text = f"{ahead:+.2f} dB"
    met = ahead >= BETTER_DB
    if quarter is not None:
        text += f", {quarter.psnr - peer.psnr:+.2f} dB in a quarter of the time"
        met = met or quarter.psnr >= peer.psnr
    return Bar(f"{scene}: {BETTER_DB:g} dB better than nerfstudio, or as good in a quarter of the time", met, text)


def _splats(scene: str, splats: Row, quarter: Row | None) -> Bar:
    text = f"{splats.psnr:.2f} dB in {splats.cpu_seconds:.0f} processor seconds"
    if scene in SPLATS_PSNR:
        psnr, seconds = SPLATS_PSNR[scene]
        met = splats.psnr >= psnr and splats.cpu_seconds <= PROCESSORS * seconds
        what = f"{scene}: splats reach {psnr:g} dB in {seconds:g} s of training on {PROCESSORS} processors"
        return Bar(what, met, text)
    least = quarter.psnr if quarter is not None else 0.0
    return Bar(f"{scene}: splats are as good as nerfacto in the same time ({least:.2f} dB)", splats.psnr >= least, text)


def _object(runs: Sequence[Row]) -> Bar:
    """Met by any of the runs: what is good enough sooner is better."""

    def met(row: Row) -> bool:
        return row.psnr >= OBJECT_PSNR and row.seconds <= OBJECT_SECONDS and row.peak_rss_mib <= OBJECT_MIB

    row = next((row for row in runs if met(row)), runs[-1])
    text = f"{row.psnr:.2f} dB in {row.seconds:.0f} s and {row.peak_rss_mib:.0f} MiB"
    return Bar(f"object: {OBJECT_PSNR} dB in 100 s of training, {OBJECT_MIB} MiB", met(row), text)


def _poses(scene: str, ours: Row) -> Bar:
    error, memory = ours.reprojection_error_px, ours.poses_peak_rss_mib
    wanted = ours.images - MOST_UNREGISTERED[scene]
    met = ours.registered >= wanted and error is not None and error <= REPROJECTION_PX
    met = met and memory is not None and memory <= POSES_MIB
    what = f"{scene}: {wanted} of {ours.images} photos placed, {REPROJECTION_PX:g} px, {POSES_MIB} MiB"
    return Bar(what, met, f"{ours.registered} photos, {error} px, {memory} MiB")
