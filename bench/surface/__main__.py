"""`python -m bench.surface [--sets monstree dino beach lund still-life facade room concave face] [--seconds 120]
[--side 640] [--engine splats] [--with-peer] [--beside COMMIT] [--finished]`.

Each set replaces its row in the results, and the table in docs/benchmarks.md; what was compared with it stays while it
is measured with the same time and size. Pictures are in out/bench-surface, not in the repository: most of the photos
may not be published.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from demo import layout

from .. import page
from ..machine import machine
from . import earlier
from .figures import figures
from .peer.comparison import Peer
from .picture import draw
from .running import job, reconstruct
from .sets import SETS, WORK, PhotoSet
from .table import OBJECTS, table

NAME = "bench-surface"
PAGE = layout.ROOT / "docs" / "benchmarks.md"
RESULTS = Path(__file__).parents[1] / "results" / "surface.json"
COMPARED = ("peers", "earlier")
"""Keys of a row for what was measured beside it."""


def read(out: Path) -> dict[str, dict[str, Any]]:
    """Rows by set."""
    return json.loads(out.read_text()) if out.exists() else {}


def recorded(row: dict[str, Any], out: Path) -> list[dict[str, Any]]:
    """Put a row in the place of the set's earlier one; all rows."""
    rows = read(out)
    rows[row["set"]] = row
    out.write_text(json.dumps(dict(sorted(rows.items())), indent=1) + "\n")
    return [rows[name] for name in sorted(rows)]


def with_compared(row: dict[str, Any], before: dict[str, Any] | None) -> dict[str, Any]:
    """The row with what an earlier one of the set was compared with, where that had the same time and size."""
    if before is None or any(before[key] != row[key] for key in ("budget_seconds", "side")):
        return row
    return row | {key: before[key] for key in COMPARED if key in before}


def workspace_of(photo_set: PhotoSet) -> Path:
    """Of its latest run."""
    return WORK / photo_set.name / "result" / "workspace"


def measured(photo_set: PhotoSet, photos: Path, given: argparse.Namespace) -> dict[str, Any]:
    """The row of a run."""
    before = machine()
    asked = job(photo_set.name, photos, given.seconds, given.side, engine=given.engine, **photo_set.spec)
    workspace, usage = reconstruct(asked, WORK / photo_set.name)
    return {
        **asdict(figures(photo_set, workspace)),
        "engine": given.engine,
        "budget_seconds": given.seconds,
        "side": given.side,
        "cpu_seconds": usage.cpu_seconds,
        "peak_rss_mib": usage.peak_rss_mib,
        "machine": before,
    }


def finished(photo_set: PhotoSet, out: Path) -> dict[str, Any] | None:
    """The row in the results with the figures of its workspace taken anew; None where either is missing."""
    before = read(out).get(photo_set.name)
    if before is None or not (workspace_of(photo_set) / "texture" / "texture.json").exists():
        return None
    return before | asdict(figures(photo_set, workspace_of(photo_set)))


def compared(photo_set: PhotoSet, photos: Path, row: dict[str, Any], given: argparse.Namespace) -> dict[str, Any]:
    """What was asked for beside the row."""
    workspace, found = workspace_of(photo_set), {}
    if given.with_peer and photo_set.known is not None:
        found["peers"] = [asdict(peer) for peer in Peer(photo_set, workspace, row, given.finished).rows()]
    if given.beside and photo_set.name in OBJECTS:
        found["earlier"] = asdict(
            earlier.measure(photo_set, photos, workspace, given.beside, row, finished=given.finished)
        )
        picture = WORK / f"{photo_set.name}-beside-{given.beside}.jpg"
        draw([workspace, earlier.folder_of(photo_set, given.beside) / "result" / "workspace"], picture)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    names = [each.name for each in SETS]
    parser = argparse.ArgumentParser(prog="bench.surface", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=names, default=names, help="(default: all)")
    parser.add_argument("--engine", default="splats")
    parser.add_argument("--seconds", type=int, default=120, help="of training (default: 120)")
    parser.add_argument("--side", type=int, default=640, help="longer side of the photos in pixels (default: 640)")
    parser.add_argument("--with-peer", action="store_true", help="nerfstudio's exports too, of known shapes")
    parser.add_argument(
        "--beside", metavar="COMMIT", help=f"an earlier commit's meshes too, of {' and '.join(OBJECTS)}"
    )
    parser.add_argument(
        "--finished", action="store_true", help="run nothing again that is finished in out/bench-surface"
    )
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    for photo_set in (each for each in SETS if each.name in given.sets):
        photos = photo_set.photos()
        if photos is None:
            print(f"{photo_set.name}: left out, its photos are not on this machine (RECONSTRUCTION_DATASETS)")
            continue
        row = (finished(photo_set, given.out) if given.finished else None) or measured(photo_set, photos, given)
        row = with_compared(row, read(given.out).get(photo_set.name))
        recorded(row, given.out)
        draw([workspace_of(photo_set)], WORK / f"{photo_set.name}.jpg")
        row |= compared(photo_set, photos, row, given)
        rows = recorded(row, given.out)
        if given.out == RESULTS:
            page.write(PAGE, NAME, table(rows))
        print(table([row]), flush=True)


if __name__ == "__main__":
    main()
