"""What splats cost on a CPU for more and more photos: time and memory of training, and the time of a frame.

`python -m bench.splats_scaling [--cases 50x480 100x480 200x480 100x960] [--rounds 4]`: so many photos of so many pixels
a side of a ball in known poses, each looked at so many times. Processor time is what counts: it hardly depends on what
else the machine does.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from demo import layout
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import StageName
from reconstruction_worker.cpus import available_cpus
from reconstruction_worker.gpu_check.scene import write_ball
from reconstruction_worker.stage import StageContext

from . import page
from .bar import Bar
from .machine import machine
from .worker_quality.measuring import run

NAME = "bench-splats"
PAGE = layout.ROOT / "docs" / "benchmarks.md"
RESULTS = Path(__file__).parent / "results" / "splats.json"
WORK = layout.ROOT / "out" / "bench-splats"
CASES = ("50x480", "100x480", "200x480", "100x960")
FRAME_SIDE = 1080
FRAMES = 5
MOST_MIB = 1536
MOST_FRAME_MS = 60


@dataclass(frozen=True)
class Row:
    """A training with so many photos of `side` x `side` pixels."""

    photos: int
    side: int
    steps: int
    gaussians: int
    seconds: float
    """In the training loop."""
    cpu_seconds: float
    """There, user and system."""
    peak_rss_mib: float
    frame_cpu_ms: float
    """Processor time of a picture of `FRAME_SIDE` x `FRAME_SIDE` pixels, of all threads together."""
    machine: dict[str, Any]


def measure(photos: int, side: int, rounds: int) -> Row:
    """In a process of its own."""
    workspace = WORK / f"{photos}-{side}"
    shutil.rmtree(workspace, ignore_errors=True)
    write_ball(workspace, views=photos, size=side)
    before = machine()
    steps = photos * rounds
    command = [sys.executable, "-m", "bench.splats_scaling", "--train", workspace, "--rounds", str(rounds)]
    usage = run(command, workspace / "train.log", available_cpus(), workspace / "train" / "history.jsonl")
    found = json.loads((workspace / "found.json").read_text())
    return Row(
        photos=photos,
        side=side,
        steps=steps,
        cpu_seconds=round(usage.cpu_seconds_after_mark - found["frames_cpu_seconds"], 1),
        peak_rss_mib=usage.peak_rss_mib,
        machine=before,
        gaussians=found["gaussians"],
        seconds=found["seconds"],
        frame_cpu_ms=found["frame_cpu_ms"],
    )


def train(workspace: Path, rounds: int) -> None:
    """What `measure` starts: trains, draws a few frames, and leaves found.json."""
    from reconstruction_worker.engines.splats import ENGINE

    frames = json.loads((workspace / "poses" / "transforms.json").read_text())["frames"]
    training = {"steps": rounds * len(frames), "device": "CPU", "holdOut": "None", "checkpointEverySteps": 100_000}
    spec = ReconstructionJobSpec.model_validate({"source": {"uri": "."}, "engine": "splats", "training": training})
    context = StageContext(StageName.TRAIN, workspace, spec, lambda _: None, lambda: False)
    ENGINE.fit(context)
    history = (workspace / "train" / "history.jsonl").read_text().splitlines()
    drawing = time.process_time()
    frame_ms, gaussians = _frame(workspace)
    found = {
        "seconds": json.loads(history[-1])["seconds"],
        "gaussians": gaussians,
        "frame_cpu_ms": round(frame_ms, 1),
        "frames_cpu_seconds": time.process_time() - drawing,
    }
    (workspace / "found.json").write_text(json.dumps(found))


def _frame(workspace: Path) -> tuple[float, int]:
    """Milliseconds of processor time, the first frame left out, which compiles; and how many Gaussians it shows."""
    from reconstruction_worker.engines.splats import ENGINE
    from reconstruction_worker.geometry.scene import load_scene

    field = ENGINE.load(workspace / "train", workspace, "cpu")
    camera = load_scene(workspace).views[0].camera
    camera = camera.scaled(FRAME_SIDE / camera.height)
    field.render(camera)
    before = time.process_time()
    for _ in range(FRAMES):
        field.render(camera)
    return (time.process_time() - before) / FRAMES * 1000, len(ENGINE.gaussians(workspace / "train"))


def table(rows: Sequence[Row]) -> str:
    """Markdown."""
    lines = [
        "| photos | steps | Gaussians | training, wall / processor | processor time a step | most memory | "
        f"{FRAME_SIDE} x {FRAME_SIDE} frame, processor |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row.photos} of {row.side} x {row.side} | {row.steps} | {row.gaussians:,} | "
            f"{row.seconds:.0f} s / {row.cpu_seconds:.0f} s | {1000 * row.cpu_seconds / row.steps:.0f} ms | "
            f"{row.peak_rss_mib:.0f} MiB | {row.frame_cpu_ms:.0f} ms |"
        )
    largest = max((row for row in rows if row.photos <= 100), key=lambda row: row.peak_rss_mib, default=rows[0])
    slowest = max(row.frame_cpu_ms for row in rows) / available_cpus()
    size = f"{largest.photos} photos of {largest.side} x {largest.side} pixels"
    found = f"{largest.peak_rss_mib:.0f} MiB"
    memory = Bar(f"{size} in {MOST_MIB} MiB", largest.peak_rss_mib <= MOST_MIB, found)
    found = f"{slowest:.0f} ms on {available_cpus()} processors"
    frame = Bar(f"a frame in {MOST_FRAME_MS} ms", slowest <= MOST_FRAME_MS, found)
    picture = "![Processor time of training by the number of photos](../bench/results/splats.svg)"
    return "\n".join([*lines, "", memory.line(), frame.line(), "", picture])


def draw(rows: Sequence[Row], file: Path) -> None:
    """Processor time by photos of one size, that of the first row, beside a line through the origin."""
    rows = [row for row in rows if row.side == rows[0].side]
    figure = Figure(figsize=(6, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.plot([row.photos for row in rows], [row.cpu_seconds for row in rows], "o-", label="training")
    last = rows[-1]
    axes.plot([0, last.photos], [0, last.cpu_seconds], ":", color="gray", label="proportional")
    axes.set(xlabel="photos", ylabel="processor seconds", xlim=0, ylim=0)
    axes.set_title(f"{last.steps // last.photos} looks at each photo of {last.side} x {last.side} pixels", fontsize=10)
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(file, metadata={"Date": None})


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="bench.splats_scaling", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", nargs="+", default=CASES, help="photos x pixels a side")
    parser.add_argument("--rounds", type=int, default=4, help="looks at each photo (default: 4)")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.train is not None:
        train(given.train, given.rounds)
        return
    rows = []
    for case in given.cases:
        photos, side = (int(part) for part in case.split("x"))
        rows.append(measure(photos, side, given.rounds))
        say = f"{case}: {rows[-1].cpu_seconds:.1f} processor seconds, {rows[-1].peak_rss_mib:.0f} MiB"
        print(say, flush=True)
    given.out.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    draw(rows, given.out.with_suffix(".svg"))
    if given.out == RESULTS:
        page.write(PAGE, NAME, table(rows))
    print(table(rows))


if __name__ == "__main__":
    main()
