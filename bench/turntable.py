"""Frames of a turntable from Gaussians and from the mesh, and how soon the report shows its first picture.

    python -m bench.turntable --results out/demo-local [--frames 1440] [--timed 120] [--out FILE]

`--results` holds a finished job of an engine that makes Gaussians, such as `make demo-local` leaves. Of the frames
`--timed` are rendered and written, evenly taken from the path, and their time is scaled to all. Bars on two processors:
1440 frames of 512 x 512 in 4 minutes, of 1080 x 1920 in 25, the report's first picture within 2 seconds of its opening
in a headless Chromium that draws in software.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import StageName
from reconstruction_api.turntable import Turntable
from reconstruction_worker.engines.trained import trained_field
from reconstruction_worker.exporters.textured_model import load_model
from reconstruction_worker.geometry.scene import load_scene
from reconstruction_worker.stage import StageContext
from reconstruction_worker.turntable.frames import render_frames
from reconstruction_worker.turntable.paths import cameras, subject_of
from reconstruction_worker.turntable.showing import Show, show_field, show_mesh

from .machine import machine

BARS: Final = {(512, 512): 240.0, (1080, 1920): 1500.0}
"""Seconds for 1440 frames, by width and height."""
FIRST_PICTURE_SECONDS: Final = 2.0
_PAINTED: Final = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
"""When the page with its still picture was there; the viewer takes its place."""


def main() -> int:
    """Exit status 0 when all bars are met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=1440)
    parser.add_argument("--timed", type=int, default=120)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found: dict[str, Any] = {"machine": machine(), "frames": options.frames, "timed": options.timed}
    workspace = (options.results / "workspace").resolve()
    found["rendering"] = [
        _rendered(workspace, renderer, size, options.frames, options.timed)
        for size in BARS
        for renderer in ("splats", "mesh")
    ]
    found["report"] = _report(options.results / "report.html")
    found["passed"] = all(each["passed"] for each in (*found["rendering"], found["report"]))
    text = json.dumps(found, indent=1)
    sys.stdout.write(text + "\n")
    if options.out is not None:
        options.out.write_text(text + "\n")
    return 0 if found["passed"] else 1


def _rendered(workspace: Path, renderer: str, size: tuple[int, int], frames: int, timed: int) -> dict[str, Any]:
    spec = ReconstructionJobSpec.model_validate({"source": {"uri": "photos"}, "engine": "splats"})
    context = StageContext(StageName.RENDER, workspace, spec, lambda _: None, lambda: False)
    model = load_model(workspace / "texture", metres_per_unit=None)
    scene = load_scene(workspace)
    turntable = Turntable(frames=frames, width=size[0], height=size[1])
    path = cameras(turntable, scene, subject_of(scene, model.vertices.astype(float)))
    chosen = path[:: max(1, frames // timed)]
    show: Show = show_mesh(model) if renderer == "mesh" else show_field(trained_field(context))
    show(chosen[0])  # what is compiled is compiled once
    with tempfile.TemporaryDirectory(prefix="bench-turntable-") as folder:
        started = time.perf_counter()
        render_frames(chosen, lambda: show, lambda picture: picture, Path(folder), lambda _: None)
        seconds = (time.perf_counter() - started) * frames / len(chosen)
    return {
        "renderer": renderer,
        "size": f"{size[0]} x {size[1]}",
        "seconds": round(seconds, 1),
        "bar": BARS[size],
        "passed": seconds <= BARS[size],
    }


def _report(page: Path) -> dict[str, Any]:
    """The median of five openings, from the navigation until the viewer has drawn; and the page's size."""
    from harness.browser import VIEWER, browsing

    times: list[float] = []
    posters: list[float] = []
    for _ in range(5):
        with (
            tempfile.TemporaryDirectory(prefix="bench-report-") as folder,
            browsing(page.resolve(), Path(folder), ready=VIEWER) as shown,
        ):
            said = shown.value("String(document.documentElement.dataset.firstPicture)")
            posters.append(float(shown.value(_PAINTED)) / 1000)
            times.append(float(said) / 1000 if said.isdigit() else math.nan)
    if any(math.isnan(each) for each in times):
        raise SystemExit(f"{page} was written by a release whose page does not say when it has drawn.")
    seconds = statistics.median(times)
    megabytes = page.stat().st_size / 1e6
    return {
        "poster_seconds": round(statistics.median(posters), 2),
        "first_picture_seconds": round(seconds, 2),
        "bar": FIRST_PICTURE_SECONDS,
        "megabytes": round(megabytes, 1),
        "passed": seconds <= FIRST_PICTURE_SECONDS and megabytes <= 15,
    }


if __name__ == "__main__":
    sys.exit(main())
