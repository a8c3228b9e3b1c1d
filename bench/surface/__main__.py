"""`python -m bench.surface [--sets monstree dino beach lund still-life] [--seconds 120] [--side 640]
[--engine splats]`.

Each set replaces its row in the results. Pictures are in out/bench-surface, not in the repository: most of the photos
may not be published.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import yaml

from demo import layout
from reconstruction_worker.cpus import available_cpus

from ..machine import machine
from ..worker_quality.measuring import run
from .figures import Row, figures
from .picture import draw
from .sets import SETS, WORK, PhotoSet

RESULTS = Path(__file__).parents[1] / "results" / "surface.json"


def reconstruct(photo_set: PhotoSet, photos: Path, engine: str, seconds: int, side: int) -> Path:
    """Photos to a textured mesh, as a user does it; the workspace."""
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
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "job.yaml"
    file.write_text(yaml.safe_dump(job, sort_keys=False))
    out = folder / "result"
    run([layout.PYTHON, "-m", "reconstruction_cli", "run", file, "--out", out], folder / "run.log", available_cpus())
    return out / "workspace"


def recorded(row: Row, seconds: int, side: int, engine: str, before: dict[str, object], out: Path) -> None:
    """Put a row in the place of the set's earlier one."""
    rows = json.loads(out.read_text()) if out.exists() else {}
    rows[row.set] = {**asdict(row), "engine": engine, "budget_seconds": seconds, "side": side, "machine": before}
    out.write_text(json.dumps(dict(sorted(rows.items())), indent=1) + "\n")


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
        workspace = reconstruct(photo_set, photos, given.engine, given.seconds, given.side)
        row = figures(photo_set, workspace)
        recorded(row, given.seconds, given.side, given.engine, before, given.out)
        draw(workspace, WORK / f"{photo_set.name}.jpg")
        print(row, flush=True)


if __name__ == "__main__":
    main()
