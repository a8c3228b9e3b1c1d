"""`python -m bench.original_photos`: texture from photos of 24 megapixels, beside texture from the size trained on.

One job on rendered photos in known poses, textured twice: `mesh.textureSource: Original` and `Training`. Both are
compared with the painted shape from new views. What was made is in out/bench-originals; photos that are there are used
again.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from PIL import Image

from demo import layout
from reconstruction_worker.geometry.mesh import Mesh
from reconstruction_worker.geometry.raycast import Caster
from reconstruction_worker.geometry.render import over, render, textured
from reconstruction_worker.geometry.rendering import Camera
from reconstruction_worker.quality.metrics import psnr

from . import page
from .bar import Bar
from .finished import textured_mesh
from .machine import machine
from .recon import job, run_job
from .rendered import Array, cut_out, looking, painted, write_photos
from .shapes.shapes import convex
from .worker_quality.synthetic import clouds

NAME = "bench-originals"
PAGE = layout.ROOT / "docs" / "benchmarks.md"
RESULTS = Path(__file__).parent / "results" / "original-photos.json"
WORK = layout.ROOT / "out" / "bench-originals"
SIDE, PHOTOS, STRIP = 4896, 12, 306
"""Pixels of a photo's side, their number, and rows that are painted at once."""
FOCAL, DISTANCE, MIDDLE = 1.4, 2.2, np.array([0.0, 0.0, 0.4])
NEW_SIDE, NEW_VIEWS = 1000, 4
"""Pixels of a new view, which is what a photo's middle would show there."""
TEXTURE_SIDE = 4096
GAIN_DB, MIB = 2.0, 1536
SOURCES = "Original", "Training"


@dataclass(frozen=True)
class Row:
    """A texture's line in the results."""

    source: str
    psnr: float
    """Mean over new views, inside the shape, in decibels."""
    seconds: float
    """Of the stage."""
    peak_rss_mib: float
    machine: dict[str, Any]


def colours(points: Array) -> Array:
    """With detail of the size of a few pixels of the photos, which is lost in smaller ones. [..., 3] in 0..1"""
    grey = 0.2 + 0.3 * clouds(points + 9, 31, 2) + 0.35 * clouds(points + 9, 900, 1)
    tint = 0.75 + 0.25 * np.sin(points * [7.0, 9.0, 11.0])
    return (grey[..., None] * tint).clip(0, 1)


def pose(number: float, of: int) -> Array:
    """On an arc of 80 degrees in front of the shape, in turns from lower and from higher."""
    azimuth, elevation = math.radians(80 * (number / (of - 1) - 0.5)), math.radians((10, 35)[round(number) % 2])
    level = DISTANCE * math.cos(elevation)
    away = np.array([level * math.sin(azimuth), -level * math.cos(azimuth), DISTANCE * math.sin(elevation)])
    return looking(MIDDLE + away, MIDDLE)


def photograph(mesh: Mesh, caster: Caster, camera: Camera) -> Image.Image:
    """Strip by strip: all at once would take many times the photo's own memory."""
    strips = []
    for top in range(0, camera.height, STRIP):
        part = Camera(camera.camera_to_world, camera.fx, camera.fy, camera.cx, camera.cy - top, camera.width, STRIP)
        strips.append(np.asarray(cut_out(*painted(mesh, caster, part, colours, 1))))
    return Image.fromarray(np.concatenate(strips))


def write(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    mesh = convex()
    caster = Caster(mesh)
    cameras = [
        Camera(pose(number, PHOTOS), FOCAL * SIDE, FOCAL * SIDE, SIDE / 2, SIDE / 2, SIDE, SIDE)
        for number in range(PHOTOS)
    ]
    write_photos(folder, cameras, lambda camera: photograph(mesh, caster, camera))


def reconstruct(photos: Path, source: str, until: str) -> tuple[Path, float, float]:
    """The workspace; seconds and the most memory (MiB) of what had to be made."""
    spec = {
        "engine": "splats",
        "training": {"timeBudgetSeconds": 60, "device": "CPU"},
        "mesh": {"textureSource": source, "textureSize": TEXTURE_SIDE},
        "quality": {"onFailure": "Warn"},
    }
    out, log = WORK / "result", WORK / f"{source}-{until}.log"
    usage = run_job(job("bench-originals", photos, spec), WORK / "job.yaml", out, log, until=until)
    return out / "workspace", usage.seconds, usage.peak_rss_mib


def new_views(workspace: Path) -> list[float]:
    """Decibels of each, inside the shape."""
    mesh, uv, texture = textured_mesh(workspace)
    shape = convex()
    truth, caster, shader, grey = Caster(shape), Caster(mesh), textured(mesh, uv, texture), np.full(3, 0.5)
    found = []
    for number in range(NEW_VIEWS):
        at = pose(0.5 + number * (PHOTOS - 2) / (NEW_VIEWS - 1), PHOTOS)
        camera = Camera(at, FOCAL * SIDE, FOCAL * SIDE, NEW_SIDE / 2, NEW_SIDE / 2, NEW_SIDE, NEW_SIDE)
        photo = np.asarray(cut_out(*painted(shape, truth, camera, colours, 2)))
        found.append(psnr(over(render(caster, camera, shader), grey) / 255.0, over(photo, grey) / 255.0))
    return found


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown."""
    lines = [
        "| texture from | new views | texture stage | most memory | load before |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['source']} | {row['psnr']:.1f} dB | {row['seconds']:.0f} s | {row['peak_rss_mib']:.0f} MiB "
        f"| {row['machine']['load_average_before']:g} |"
        for row in rows
    ]
    by_source = {row["source"]: row for row in rows}
    gain = by_source["Original"]["psnr"] - by_source["Training"]["psnr"]
    most = by_source["Original"]["peak_rss_mib"]
    bars = [
        Bar(f"{GAIN_DB:.0f} dB more from {SIDE**2 / 1e6:.0f} megapixels", gain >= GAIN_DB, f"{gain:+.1f} dB"),
        Bar(f"texture stage in {MIB} MiB", most <= MIB, f"{most:.0f} MiB"),
    ]
    return "\n".join([*lines, "", *(bar.line() for bar in bars)])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="bench.original_photos", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    photos = WORK / "photos"
    if not (photos / "transforms.json").exists():
        write(photos)
    shutil.rmtree(WORK / "result", ignore_errors=True)
    reconstruct(photos, "Original", "mesh")
    rows = []
    for source in SOURCES:
        before = machine()
        workspace, seconds, peak = reconstruct(photos, source, "texture")
        rows.append(asdict(Row(source, round(fmean(new_views(workspace)), 2), seconds, peak, before)))
        print(rows[-1], flush=True)
    given.out.write_text(json.dumps(rows, indent=1) + "\n")
    if given.out == RESULTS:
        page.write(PAGE, NAME, table(rows))


if __name__ == "__main__":
    main()
