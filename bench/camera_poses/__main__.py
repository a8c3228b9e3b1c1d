"""`python -m bench.camera_poses [--only SCENE ...] [--without-peer]`: which photos are placed, how well, in what time
and memory, beside pycolmap's defaults in the same run.

Each scene is measured by itself and replaces its rows in the results, so that scenes can be measured one by one.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from bench import page
from bench.machine import machine
from bench.worker_quality.measuring import ProgramFailed, run

from demo import layout
from reconstruction_worker.cpus import available_cpus

from .attempt import EARLIER, OURS, PEER
from .rows import ERROR_PERCENT, Row, bars, position_errors
from .scenes import SCENES, WORK, Scene, prepare

RESULTS = layout.ROOT / "bench" / "results" / "poses.json"
PAGE = layout.ROOT / "docs" / "benchmarks.md"
NAME = "bench-poses"


def measure(scene: Scene, method: str) -> Row | None:
    """None where the photos are not on this machine. Raises ProgramFailed."""
    prepared = prepare(scene)
    if prepared is None:
        return None
    photos, poses = prepared
    folder, load = WORK / scene.name / method, os.getloadavg()[0]
    command = [sys.executable, "-m", "bench.camera_poses.attempt", method, photos, folder]
    usage = run(command, WORK / scene.name / f"{method}.log", available_cpus())
    result = json.loads((folder / "result.json").read_text())
    truth = {name: np.array(pose)[:3, 3] for name, pose in poses.items()}
    took = result["poses"] if scene.given and "poses" in result else asdict(usage)
    errors = position_errors(result["positions"], truth) if truth else []
    return Row(
        scene=scene.name,
        method=method,
        photos=len(truth) or len(list(photos.iterdir())),
        placed=len(result["positions"]),
        error_percent=round(max(errors), 3) if errors else None,
        right=sum(error <= ERROR_PERCENT for error in errors) if truth else None,
        strategy=result.get("strategy") or result["error"],
        seconds=took["seconds"],
        cpu_seconds=took["cpu_seconds"],
        peak_rss_mib=usage.peak_rss_mib,
        load_average=round(load, 1),
    )


def methods(scene: Scene) -> tuple[str, ...]:
    """What is measured of a scene."""
    return (OURS, *((PEER,) if scene.peer else ()), *((EARLIER,) if scene.given else ()))


def table(rows: Sequence[Row]) -> str:
    """Markdown: the rows, then what they are held against."""
    titles = {scene.name: scene.title for scene in SCENES}
    lines = [
        "| photos | method | placed | largest error | strategy | time, wall / processor | most memory | load before |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        error = "not known" if row.error_percent is None else f"{row.error_percent:.2f} %"
        lines.append(
            f"| {titles.get(row.scene, row.scene)} | {row.method} | {row.placed} of {row.photos} | {error} | "
            f"{row.strategy} | {row.seconds:.0f} s / {row.cpu_seconds:.0f} s | {row.peak_rss_mib:.0f} MiB | "
            f"{row.load_average:g} |"
        )
    return "\n".join([*lines, "", *(bar.line() for bar in bars(rows))])


def _read(path: Path) -> list[Row]:
    return [Row(**entry) for entry in json.loads(path.read_text())["rows"]] if path.exists() else []


def _in_order(rows: Sequence[Row]) -> list[Row]:
    order = [(scene.name, method) for scene in SCENES for method in (OURS, PEER, EARLIER)]
    return sorted(rows, key=lambda row: order.index((row.scene, row.method)))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.camera_poses", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=[scene.name for scene in SCENES], help="scenes [default: all]")
    parser.add_argument("--without-peer", action="store_true", help="keep the figures that pycolmap's defaults had")
    options = parser.parse_args()
    for scene in SCENES:
        if options.only is not None and scene.name not in options.only:
            continue
        for method in (OURS,) if options.without_peer else methods(scene):
            try:
                row = measure(scene, method)
            except ProgramFailed as error:
                print(f"{scene.name}, {method}: {error}", flush=True)
                return 1
            if row is None:
                print(f"{scene.name}: the photos are not here", flush=True)
                break
            print(json.dumps(asdict(row)), flush=True)
            rows = _in_order(
                [each for each in _read(RESULTS) if (each.scene, each.method) != (scene.name, method)] + [row]
            )
            document = {"machine": machine(), "rows": [asdict(each) for each in rows]}
            RESULTS.write_text(json.dumps(document, indent=1) + "\n")
            page.write(PAGE, NAME, table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
