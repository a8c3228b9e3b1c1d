"""`python -m bench.few_photos [--photos 3 6]`: a few photos of a thing before a wall, to Gaussians and a mesh.

Nothing is known of where they were taken; the job is examples/few-photos.yaml. Each number of photos replaces its row
in the results, and the table in docs/benchmarks.md. What was made is in out/bench-few-photos.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
import yaml

from demo import layout
from reconstruction_worker.geometry.mesh import Mesh
from reconstruction_worker.geometry.raycast import Caster

from . import page
from .bar import Bar
from .finished import document, seconds_of_stages
from .machine import machine
from .recon import run_job
from .rendered import looking, mottled, on_grey, painted, square_camera, write_photos
from .shapes.shapes import convex

NAME = "bench-few-photos"
PAGE = layout.ROOT / "docs" / "benchmarks.md"
EXAMPLE = layout.ROOT / "examples" / "few-photos.yaml"
RESULTS = Path(__file__).parent / "results" / "few-photos.json"
WORK = layout.ROOT / "out" / "bench-few-photos"
SIDE, FOCAL, DEGREES_APART = 640, 1.1, 14.0
SECONDS, PROCESSORS = 120.0, 2
"""From photos to the report, on a machine with so many processors that has nothing else to do."""


@dataclass(frozen=True)
class Row:
    """From photos to the report."""

    photos: int
    registered: int
    seconds: float
    cpu_seconds: float
    peak_rss_mib: float
    stages: dict[str, float]
    faces: int
    machine: dict[str, Any]


def scene() -> Mesh:
    """A thing with round edges on the ground before a wall."""
    thing = convex()
    parts = [trimesh.Trimesh(thing.vertices, thing.faces)]
    for extents, middle in (((8, 6, 0.1), (0, 0.0, -0.05)), ((8, 0.1, 5), (0, 1.6, 2.5))):
        box = trimesh.creation.box(extents=extents)
        box.apply_translation(middle)
        parts.append(trimesh.Trimesh(*trimesh.remesh.subdivide_to_size(box.vertices, box.faces, 0.1)))
    whole: Any = trimesh.util.concatenate(parts)
    return Mesh(np.asarray(whole.vertices, np.float64), np.asarray(whole.faces, np.int32))


def write(count: int, folder: Path) -> None:
    """The photos alone: their poses are to be found."""
    shutil.rmtree(folder, ignore_errors=True)
    mesh = scene()
    caster, cameras = Caster(mesh), []
    for number in range(count):
        angle, height = math.radians(DEGREES_APART * (number - (count - 1) / 2)), 0.9 + 0.25 * (number % 2)
        eye = np.array([2.2 * math.sin(angle), -2.2 * math.cos(angle), height])
        cameras.append(square_camera(looking(eye, np.array([0, 0, 0.4])), FOCAL, SIDE))
    write_photos(folder, cameras, lambda camera: on_grey(*painted(mesh, caster, camera, mottled, 2)))
    (folder / "transforms.json").unlink()


def measure(count: int) -> Row:
    photos, out = WORK / f"{count}-photos", WORK / f"{count}"
    write(count, photos)
    shutil.rmtree(out, ignore_errors=True)
    job = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    job["spec"]["source"] = {"uri": str(photos)}
    before = machine()
    usage = run_job(job, out / "job.yaml", out / "results", out / "run.log")
    workspace = out / "results" / "workspace"
    return Row(
        photos=count,
        registered=document(workspace, "poses/registration.json")["registered"],
        seconds=usage.seconds,
        cpu_seconds=usage.cpu_seconds,
        peak_rss_mib=usage.peak_rss_mib,
        stages={str(name): seconds for name, seconds in seconds_of_stages(workspace).items()},
        faces=document(workspace, "mesh/mesh.json")["faces"],
        machine=before,
    )


def table(rows: Mapping[str, dict[str, Any]]) -> str:
    """Markdown, of rows by the number of photos."""
    lines = [
        "| photos | placed | training | mesh and texture | from photos to report, wall / processor | faces | memory "
        "| load before |",
        "|---|---|---|---|---|---|---|---|",
    ]
    held = []
    for row in sorted(rows.values(), key=lambda row: row["photos"]):
        stages = row["stages"]
        cells = (
            str(row["photos"]),
            str(row["registered"]),
            f"{stages['train']:.0f} s",
            f"{stages['mesh'] + stages['texture']:.0f} s",
            f"{row['seconds']:.0f} s / {row['cpu_seconds']:.0f} s",
            f"{row['faces']:,}",
            f"{row['peak_rss_mib']:.0f} MiB",
            f"{row['machine']['load_average_before']:g}",
        )
        lines.append(f"| {' | '.join(cells)} |")
        held.append(
            Bar(
                f"{row['photos']} photos to Gaussians and mesh in {SECONDS:.0f} s on {PROCESSORS} processors",
                row["registered"] == row["photos"] and row["cpu_seconds"] <= PROCESSORS * SECONDS,
                f"{row['cpu_seconds']:.0f} processor seconds, {row['registered']} placed",
            ).line()
        )
    return "\n".join([*lines, "", *held])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="bench.few_photos", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photos", nargs="+", type=int, default=[3, 6], help="numbers of photos (default: 3 6)")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    for count in given.photos:
        row = measure(count)
        rows = json.loads(given.out.read_text()) if given.out.exists() else {}
        rows[str(count)] = asdict(row)
        given.out.write_text(json.dumps(dict(sorted(rows.items())), indent=1) + "\n")
        if given.out == RESULTS:
            page.write(PAGE, NAME, table(rows))
        print(row, flush=True)


if __name__ == "__main__":
    main()
