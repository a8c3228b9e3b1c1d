"""`python -m bench.surface [--sets monstree dino beach lund still-life facade room concave face] [--seconds 120]
[--side 640] [--engine splats]`.

Each set replaces its row in the results, and the table in docs/benchmarks.md. Pictures are in out/bench-surface, not in
the repository: most of the photos may not be published.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from demo import layout
from reconstruction_worker.cpus import available_cpus

from .. import page
from ..machine import machine
from ..worker_quality.measuring import Usage, run
from .figures import figures
from .picture import draw
from .sets import SETS, WORK, PhotoSet
from .table import table

NAME = "bench-surface"
PAGE = layout.ROOT / "docs" / "benchmarks.md"
RESULTS = Path(__file__).parents[1] / "results" / "surface.json"


def reconstruct(photo_set: PhotoSet, photos: Path, engine: str, seconds: int, side: int) -> tuple[Path, Usage]:
    """Photos to a textured mesh, as a user does it; the workspace, and what it took. An earlier run's files go."""
    job = {
        "apiVersion": "reconstruction.dev/v1alpha1",
        "kind": "ReconstructionJob",
        "metadata": {"name": f"bench-{photo_set.name}"},
        "spec": {
            "source": {"uri": str(photos)},
            "images": {"maxSidePixels": side},
            "engine": engine,
            "training": {"timeBudgetSeconds": seconds, "device": "CPU"},
            "quality": {"onFailure": "Warn"},
            **photo_set.spec,
        },
    }
    folder = WORK / photo_set.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "job.yaml"
    file.write_text(yaml.safe_dump(job, sort_keys=False))
    out = folder / "result"
    command = [layout.PYTHON, "-m", "reconstruction_cli", "run", file, "--out", out]
    usage = run(command, folder / "run.log", available_cpus())
    return out / "workspace", usage


def recorded(row: dict[str, Any], out: Path) -> list[dict[str, Any]]:
    """Put a row in the place of the set's earlier one; all rows."""
    rows = json.loads(out.read_text()) if out.exists() else {}
    rows[row["set"]] = row
    out.write_text(json.dumps(dict(sorted(rows.items())), indent=1) + "\n")
    return [rows[name] for name in sorted(rows)]


def main(arguments: Sequence[str] | None = None) -> None:
    names = [each.name for each in SETS]
    parser = argparse.ArgumentParser(prog="bench.surface", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=names, default=names, help="(default: all)")
    parser.add_argument("--engine", default="splats")
    parser.add_argument("--seconds", type=int, default=120, help="of training (default: 120)")
    parser.add_argument("--side", type=int, default=640, help="longer side of the photos in pixels (default: 640)")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    for photo_set in (each for each in SETS if each.name in given.sets):
        photos = photo_set.photos()
        if photos is None:
            print(f"{photo_set.name}: left out, its photos are not on this machine (RECONSTRUCTION_DATASETS)")
            continue
        before = machine()
        workspace, usage = reconstruct(photo_set, photos, given.engine, given.seconds, given.side)
        row = {
            **asdict(figures(photo_set, workspace)),
            "engine": given.engine,
            "budget_seconds": given.seconds,
            "side": given.side,
            "cpu_seconds": usage.cpu_seconds,
            "peak_rss_mib": usage.peak_rss_mib,
            "machine": before,
        }
        rows = recorded(row, given.out)
        if given.out == RESULTS:
            page.write(PAGE, NAME, table(rows))
        draw(workspace, WORK / f"{photo_set.name}.jpg")
        print(table([row]), flush=True)


if __name__ == "__main__":
    main()
