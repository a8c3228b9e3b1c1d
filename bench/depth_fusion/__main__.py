"""`python -m bench.depth_fusion [--objects pebble cup stool] [--maps exact noisy] [--engine depth-fusion]`.

Each run replaces its row in the results, and the table in docs/benchmarks.md. Pictures are in out/bench-fusion.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from demo import layout

from .. import page
from ..machine import machine
from ..recon import job, run_job
from ..surface.picture import draw
from .figures import figures
from .objects import OBJECTS, KnownObject
from .table import table
from .views import DISTANCE, FIELD_OF_VIEW_DEGREES, write_six

NAME = "bench-fusion"
PAGE = layout.ROOT / "docs" / "benchmarks.md"
RESULTS = Path(__file__).parents[1] / "results" / "depth-fusion.json"
WORK = layout.ROOT / "out" / "bench-fusion"
MAPS = ("exact", "noisy")


def reconstruct(known: KnownObject, maps: str, engine: str, out: Path) -> tuple[Path, float]:
    """Six views and their maps to a textured mesh, as a user does it: the workspace, and the processor time in seconds
    of all that comes after the poses."""
    views = WORK / f"{known.name}-{maps}"
    shutil.rmtree(views, ignore_errors=True)
    write_six(known, views, noisy=maps == "noisy")
    spec = {
        "images": {"depth": "Required", "depthUnitMicrometres": 100},
        "poses": {
            "method": "CanonicalViews",
            "fieldOfViewDegrees": FIELD_OF_VIEW_DEGREES,
            "cameraDistanceMillimetres": round(DISTANCE * 1000),
        },
        "engine": engine,
        "training": {"device": "CPU", **({} if engine == "depth-fusion" else {"steps": 1200})},
        "mesh": {"targetFaces": 50_000, "textureSize": 1024},
    }
    shutil.rmtree(out, ignore_errors=True)
    poses = out / "workspace" / "stages" / "poses.json"
    asked = job(out.name, views, spec)
    usage = run_job(asked, out / "job.yaml", out, out / "run.log", until="evaluate", mark=poses)
    return out / "workspace", usage.cpu_seconds_after_mark


def main(arguments: Sequence[str] | None = None) -> None:
    names = [each.name for each in OBJECTS]
    parser = argparse.ArgumentParser(prog="bench.depth_fusion", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--objects", nargs="+", choices=names, default=names, help="(default: all)")
    parser.add_argument("--maps", nargs="+", choices=MAPS, default=MAPS, help="(default: both)")
    parser.add_argument("--engine", default="depth-fusion")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    for known in (each for each in OBJECTS if each.name in given.objects):
        for maps in given.maps:
            before, name = machine(), f"{known.name}-{maps}-{given.engine}"
            workspace, cpu_seconds = reconstruct(known, maps, given.engine, WORK / name)
            row = figures(known, workspace, cpu_seconds)
            rows = json.loads(given.out.read_text()) if given.out.exists() else {}
            rows[name] = {**asdict(row), "machine": before}
            rows = dict(sorted(rows.items()))
            given.out.write_text(json.dumps(rows, indent=1) + "\n")
            if given.out == RESULTS:
                page.write(PAGE, NAME, table(rows))
            draw([workspace], WORK / f"{name}.jpg")
            print(name, row, flush=True)


if __name__ == "__main__":
    main()
