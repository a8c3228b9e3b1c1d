"""`python -m bench.shapes [--shapes convex concave terrain] [--engines splats nerfacto] [--seconds 60]`.

nerfacto trains for the time, splats for a quarter of it. Each shape and each engine replaces its row in the results.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from demo import layout
from reconstruction_api.stages import StageName
from reconstruction_worker.geometry.mesh import Mesh, with_faces
from reconstruction_worker.geometry.ply_file import read_ply

from .. import page
from ..bar import Bar
from ..finished import document, in_frame_of_photos, seconds_of_stages
from ..machine import machine
from ..recon import job, run_job
from ..surface.nearness import Nearness, nearness
from .photos import cameras, shown, witnesses, write
from .shapes import SHAPES, Shape

NAME = "bench-shapes"
PAGE = layout.ROOT / "docs" / "benchmarks.md"
RESULTS = Path(__file__).parents[1] / "results" / "shapes.json"
WORK = layout.ROOT / "out" / "bench-shapes"
SHARE_OF_TIME = {"nerfacto": 1.0, "splats": 0.25}
LEAST_F, MOST_BEHIND = 0.90, 0.01
"""Of splats' F-score at 2 %: what it must be, and by how much it may be below nerfacto's."""


@dataclass(frozen=True)
class Row:
    """What an engine made of a shape."""

    shape: str
    engine: str
    training_seconds: float
    seconds: float
    """All stages."""
    known: Nearness
    mesh_psnr: float | None
    """Of the textured mesh at held-out views, inside it."""
    peak_rss_mib: float
    machine: dict[str, Any]


def measure(shape: Shape, engine: str, seconds: float) -> Row:
    photos, folder = WORK / f"{shape.name}-photos", WORK / f"{shape.name}-{engine}"
    if not (photos / "transforms.json").exists():
        write(shape, photos)
    spec = {
        "engine": engine,
        "training": {"timeBudgetSeconds": round(SHARE_OF_TIME[engine] * seconds), "device": "CPU"},
        "quality": {"onFailure": "Warn"},
    }
    before = machine()
    asked = job(f"bench-{shape.name}", photos, spec)
    usage = run_job(asked, folder / "job.yaml", folder / "result", folder / "run.log", until="evaluate")
    workspace = folder / "result" / "workspace"
    took, mesh = seconds_of_stages(workspace), read_ply(workspace / "mesh" / "mesh.ply")
    model = Mesh(in_frame_of_photos(mesh.vertices, workspace), mesh.faces)
    return Row(
        shape=shape.name,
        engine=engine,
        training_seconds=took[StageName.TRAIN],
        seconds=round(sum(took.values()), 1),
        known=nearness(with_faces(model, witnesses(model, cameras(shape)) > 0), shown(shape)),
        mesh_psnr=(document(workspace, "texture/texture.json").get("heldOut") or {}).get("psnr"),
        peak_rss_mib=usage.peak_rss_mib,
        machine=before,
    )


def table(rows: Sequence[dict[str, Any]]) -> str:
    lines = [
        "| shape | engine | F at 1 % | F at 2 % | normals off by | textured mesh | training | all stages | memory |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        known, psnr = row["known"], row["mesh_psnr"]
        lines.append(
            f"| {row['shape']} | {row['engine']} | {known['f_at_1_percent']:.3f} | {known['f_at_2_percent']:.3f} "
            f"| {known['normals_degrees']:.1f}° | {'' if psnr is None else f'{psnr:.1f} dB'} "
            f"| {row['training_seconds']:.0f} s | {row['seconds']:.0f} s | {row['peak_rss_mib']:.0f} MiB |"
        )
    return "\n".join([*lines, "", *bars(rows)])


def bars(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Whether splats do well enough on each shape that both engines were tried on."""
    of = {(row["shape"], row["engine"]): row["known"]["f_at_2_percent"] for row in rows}
    found = []
    for shape in dict.fromkeys(row["shape"] for row in rows):
        ours, theirs = of.get((shape, "splats")), of.get((shape, "nerfacto"))
        if ours is not None and theirs is not None:
            met = ours >= LEAST_F and ours >= theirs - MOST_BEHIND
            what = (
                f"{shape}: F at 2 % of {LEAST_F} with splats, and no more than {MOST_BEHIND} "
                "below nerfacto's in a quarter of its time"
            )
            found.append(f"{Bar(what, met, f'{ours:.3f}').line()}, nerfacto's {theirs:.3f}")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    names = [shape.name for shape in SHAPES]
    parser = argparse.ArgumentParser(prog="bench.shapes", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shapes", nargs="+", choices=names, default=names, help="(default: all)")
    parser.add_argument(
        "--engines", nargs="+", choices=SHARE_OF_TIME, default=list(SHARE_OF_TIME), help="(default: all)"
    )
    parser.add_argument("--seconds", type=float, default=60, help="of nerfacto's training (default: 60)")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    found = (
        {(row["shape"], row["engine"]): row for row in json.loads(given.out.read_text())} if given.out.exists() else {}
    )
    for shape in (shape for shape in SHAPES if shape.name in given.shapes):
        for engine in given.engines:
            row = asdict(measure(shape, engine, given.seconds))
            found[shape.name, engine] = row
            given.out.write_text(json.dumps([found[key] for key in sorted(found)], indent=1) + "\n")
            print(row, flush=True)
    rows = [found[key] for key in sorted(found)]
    if given.out == RESULTS:
        page.write(PAGE, NAME, table(rows))
    print(table(rows))


if __name__ == "__main__":
    main()
