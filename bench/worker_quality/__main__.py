"""`python -m bench.worker_quality [--scenes object demo drone lund] [--methods splats] [--seconds 100] [--repeats 1]
[--quick]`.

Each scene and each method is measured by itself and replaces its row in the results: what has changed is measured anew,
the rest stays.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from reconstruction_worker.cpus import available_cpus

from ..machine import machine
from . import peer, picture, report, rows
from .bars import bars
from .ours import Reconstruction, Worker
from .picture import PHOTO
from .rows import OURS, OURS_QUARTER, PEER, SPLATS, Row
from .scenes import SCENES, WORK, Scene

RESULTS = Path(__file__).parents[1] / "results" / "worker.json"
QUICK_SECONDS = 8.0
SEED = 42
MOST_TRIES = 4
ENOUGH = 1.05
"""Of the wanted seconds: how long a training may take."""
METHODS = ("nerfacto", "splats", "nerfstudio")


class Measurement:
    """All methods on one scene, one after the other, nothing beside them."""

    def __init__(self, scene: Scene, photos: Path, threads: int):
        self.scene, self.threads = scene, threads
        self.folder = WORK / scene.name
        self.worker = Worker(scene, photos, self.folder, threads)
        self.machine = machine()

    def rows(self, seconds: float, repeats: int, methods: Sequence[str]) -> list[Row]:
        """What the named of `METHODS` do in the time; nerfstudio gets that of nerfacto, which is run for it too."""
        runs = (
            self._rays(seconds, repeats, "nerfstudio" in methods) if {"nerfacto", "nerfstudio"} & set(methods) else {}
        )
        if "splats" in methods:
            steps = self._steps_of_splats(seconds / 4)
            runs[SPLATS] = [self._splats(steps, SEED + repeat) for repeat in range(repeats)]
        registration = self.worker.registration()
        return [self._with_poses(rows.of_runs(found), registration) for found in runs.values()]

    def _rays(self, seconds: float, repeats: int, with_peer: bool) -> dict[str, list[Row]]:
        pace = self.worker.seconds_a_step()
        steps = max(1, round(seconds / pace))
        say(f"  {pace:.3f} s a step: {steps} steps for {seconds:g} s")
        runs: dict[str, list[Row]] = {OURS_QUARTER: [], OURS: []} | ({PEER: []} if with_peer else {})
        for repeat in range(repeats):
            seed = SEED + repeat
            runs[OURS_QUARTER].append(self._ours(OURS_QUARTER, max(1, steps // 4), seed)[0])
            row, ours = self._ours(OURS, steps, seed)
            runs[OURS].append(row)
            if with_peer:
                runs[PEER].append(self._peer(ours, row, seed))
        return runs

    def _ours(self, method: str, steps: int, seed: int) -> tuple[Row, Reconstruction]:
        ours = self.worker.reconstruct(steps, seed)
        return self._row(method, ours), ours

    def _steps_of_splats(self, seconds: float) -> int:
        """For so many seconds. A long training's steps are slower than a short one's, for it has more Gaussians: it is
        tried, and shortened until it takes no more than the time."""
        steps = round(seconds / self.worker.seconds_a_step("splats"))
        for _ in range(MOST_TRIES):
            ours = self.worker.reconstruct_splats(max(1, steps), SEED - 1)  # the measured ones are trained anew
            taken = self.worker.quiet_seconds(ours)
            if taken <= ENOUGH * seconds:
                break
            steps = round(steps * seconds / taken)
        return max(1, steps)

    def _splats(self, steps: int, seed: int) -> Row:
        return self._row(SPLATS, self.worker.reconstruct_splats(steps, seed))

    def _row(self, method: str, ours: Reconstruction) -> Row:
        quality, registration = ours.document("evaluate/quality.json"), ours.document("poses/registration.json")
        row = Row(
            scene=self.scene.name,
            method=method,
            seconds=round(ours.seconds, 1),
            psnr=quality["psnr"],
            ssim=quality["ssim"],
            peak_rss_mib=max(ours.training.peak_rss_mib, ours.evaluation.peak_rss_mib),
            registered=registration["registered"],
            images=registration["total"],
            cpu_seconds=ours.training.cpu_seconds_after_mark,
            steps=round(ours.history[-1]["step"]),
            held_out=len(quality["views"]),
            whole_seconds=ours.whole_seconds,
            machine=self.machine,
        )
        say(f"  {said(row)}")
        return row

    def _peer(self, ours: Reconstruction, row: Row, seed: int) -> Row:
        result, usage = peer.reconstruct(ours, self.folder / "nerfstudio", self.threads, seed)
        views = result["views"]
        row = replace(
            row,
            method=PEER,
            seconds=result["seconds"],
            cpu_seconds=result["cpuSeconds"],
            steps=result["steps"],
            psnr=round(fmean(view["psnr"] for view in views), 3),
            ssim=round(fmean(view["ssim"] for view in views), 4),
            peak_rss_mib=usage.peak_rss_mib,
            whole_seconds=None,
        )
        say(f"  {said(row)}")
        return row

    def _with_poses(self, row: Row, registration: dict[str, float]) -> Row:
        if registration["method"] != "structureFromMotion":
            return row
        return replace(
            row,
            registered=int(registration["registered"]),
            images=int(registration["total"]),
            reprojection_error_px=registration["medianReprojectionError"],
            poses_seconds=registration["seconds"],
            poses_peak_rss_mib=round(registration["peakMemoryBytes"] / 2**20, 1),
        )


def renders() -> dict[str, dict[str, Path]]:
    """For each scene the first held-out photo, and what each method made of it."""
    found = {}
    for scene in SCENES:
        ours = WORK / scene.name / "train" / "workspace"
        split = ours / "train" / "split.json"
        if split.exists():
            view = json.loads(split.read_text())["eval"][0]
            pictures = ours / "evaluate" / "views"
            found[scene.name] = {
                PHOTO: pictures / f"{view}.photo.jpg",
                OURS: pictures / f"{view}.render.jpg",
                SPLATS: WORK / scene.name / "splats" / "workspace" / "evaluate" / "views" / f"{view}.render.jpg",
                PEER: WORK / scene.name / "nerfstudio" / "views" / f"{view}.render.jpg",
            }
    return found


def said(row: Row) -> str:
    """A row for whoever waits."""
    return (
        f"{row.method}: {row.psnr:.2f} dB, SSIM {row.ssim:.3f} after {row.steps} steps, {row.seconds:.0f} s, "
        f"{row.cpu_seconds:.0f} processor seconds, {row.peak_rss_mib:.0f} MiB"
    )


def say(line: str) -> None:
    print(line, flush=True)


def measure(names: Sequence[str], methods: Sequence[str], seconds: float | None, repeats: int, out: Path) -> list[Row]:
    """Results are written after each scene: the whole takes long and may be interrupted."""
    threads = available_cpus()
    results = rows.read(out)
    for scene in (scene for scene in SCENES if scene.name in names):
        photos = scene.photos()
        if photos is None:
            say(f"{scene.name}: left out, its photos are not on this machine (RECONSTRUCTION_DATASETS)")
            continue
        say(f"{scene.name}: {scene.title}, {threads} threads")
        found = Measurement(scene, photos, threads).rows(seconds or scene.seconds, repeats, methods)
        results = rows.merged(results, found)
        rows.write(out, results)
    return results


def main(arguments: Sequence[str] | None = None) -> None:
    known = [scene.name for scene in SCENES]
    parser = argparse.ArgumentParser(prog="bench.worker_quality", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scenes", nargs="+", choices=known, default=known, help="(default: all)")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS, help="(default: all)")
    parser.add_argument("--seconds", type=float, help="of training (default: the scene's)")
    parser.add_argument("--repeats", type=int, default=1, help="with other seeds; medians are kept (default: 1)")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SECONDS:g} s of training, to see that all works")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    if given.quick and given.out == RESULTS:
        given.out = WORK / "quick.json"
    results = measure(
        given.scenes, given.methods, QUICK_SECONDS if given.quick else given.seconds, given.repeats, given.out
    )
    picture.draw(results, renders(), given.out.with_suffix(".jpg"))
    if given.out == RESULTS:
        report.write(results)
    say(report.tables(results))
    for bar in bars(results):
        say(str(bar))


if __name__ == "__main__":
    main()
