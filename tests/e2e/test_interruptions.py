"""Whole runs that are asked to stop or killed at random moments, and continue: their results are those of one that ran
through, byte by byte.

`make interrupts` runs it with twenty moments; it takes ten minutes or more, and without `RECONSTRUCTION_INTERRUPTIONS`,
their number, it is left out. `RECONSTRUCTION_INTERRUPTIONS_SEED` repeats a choice of moments. One thread, so that sums
are always taken in the same order.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import random
import re
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.worker.engines.tiny_scene import ball, look_at_origin

from reconstruction_api.errors import ExitCode

from .runs import Document, DrivenRun

MOMENTS = int(os.environ.get("RECONSTRUCTION_INTERRUPTIONS", "0"))
SEED = int(os.environ.get("RECONSTRUCTION_INTERRUPTIONS_SEED", str(random.randrange(10**6))))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(MOMENTS == 0, reason="asked for by `make interrupts`"),
]
INTERVAL = 20
"""Steps between two checkpoints."""
STOPPED_WITHIN_SECONDS = 10.0
"""At any moment, whatever the run does."""
STARTING_SECONDS = 1.0
"""What a run does before its first stage; it handles no signals yet."""
VIEWS, SIZE = 10, 48

JOB: Document = {
    "apiVersion": "reconstruction.dev/v1alpha1",
    "kind": "ReconstructionJob",
    "metadata": {"name": "ball"},
    "spec": {
        "source": {"persistentVolumeClaim": {"claimName": "photos"}},
        "training": {"steps": 80, "device": "CPU", "checkpointEverySteps": INTERVAL, "raysPerStep": 512},
        "mesh": {"targetFaces": 1000, "textureSize": 128},
        "exports": [{"format": "GLB"}, {"format": "PLY"}],
        "quality": {"onFailure": "Warn"},
    },
}
ONE_THREAD = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


def write_photos(folder: Path) -> Path:
    """The ball from all sides, with its cameras."""
    folder.mkdir()
    focal, frames = 1.6 * SIZE, []
    for index in range(VIEWS):
        pose = look_at_origin(2 * math.pi * index / VIEWS, 0.35 + 0.3 * math.sin(index))
        picture = (ball(pose, focal, SIZE) * 255 + 0.5).astype(np.uint8)
        Image.fromarray(picture).save(folder / f"ball_{index:02d}.png")
        frames.append({"file_path": f"ball_{index:02d}.png", "transform_matrix": pose.tolist()})
    cameras = {"fl_x": focal, "fl_y": focal, "cx": SIZE / 2, "cy": SIZE / 2, "w": SIZE, "h": SIZE}
    (folder / "transforms.json").write_text(json.dumps({**cameras, "frames": frames}))
    return folder


def results(run: DrivenRun) -> dict[str, str]:
    """Checksums of what was delivered and does not tell the time, and of the curve without its times."""
    files = {name: (run.out / name).read_bytes() for name in ("model.glb", "model.ply", "quality.json")}
    curve = [
        {key: value for key, value in line.items() if not re.search("econd", key)} for line in history(run.workspace)
    ]
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()} | {"curve": json.dumps(curve)}


def history(workspace: Path) -> list[Document]:
    file = workspace / "train" / "history.jsonl"
    lines = file.read_text().splitlines(keepends=True) if file.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def steps_lost(workspace: Path) -> int:
    """How many of the steps that were reported are not in a checkpoint."""
    done = [line["step"] for line in history(workspace)]
    saved = [int(path.stem[5:]) for path in (workspace / "train" / "checkpoints").glob("step-*.ckpt")]
    ended = (workspace / "stages" / "train.json").exists()
    return 0 if ended else max(0, max([0, *done]) - max([0, *saved]))


@dataclass
class Adversary:
    """Interrupts runs of one job until all its moments are used up."""

    run: DrivenRun
    expected: dict[str, str]
    seconds: float
    """How long an uninterrupted run takes."""
    random: random.Random
    met: Counter[str] = field(default_factory=Counter)
    """Interruptions by signal and stage."""

    def interrupt_once(self) -> None:
        number = self.random.choice([signal.SIGTERM, signal.SIGKILL])
        delay = STARTING_SECONDS + self.random.uniform(0, 0.6) * self.seconds
        begun = time.monotonic()
        status = self.run.interrupt_after(delay, number)
        if status is None:
            self._ran_through()
            self.interrupt_once()
            return
        stages = re.findall(r"^(\w+): (?:started|resuming)", self.run.output, re.MULTILINE)
        where = f"{number.name} in {stages[-1] if stages else 'starting'}"
        self.met[where] += 1
        print(f"{where} after {delay:.1f} s, ended {time.monotonic() - begun - delay:.1f} s later")
        lost = steps_lost(self.run.workspace)
        if number is signal.SIGTERM:
            assert time.monotonic() - begun - delay < STOPPED_WITHIN_SECONDS
            # before it begins with the first stage, a run has nothing to save and ends like any program
            before = -signal.SIGTERM if not stages else None
            assert status in (ExitCode.RESUMABLE_STOP, ExitCode.DONE, before), self.run.output
            assert lost == 0
        assert lost <= INTERVAL

    def finish(self) -> None:
        assert self.run.complete() == 0, self.run.output
        self._ran_through()

    def _ran_through(self) -> None:
        """What came of it must be the same; then from the beginning."""
        assert results(self.run) == self.expected
        shutil.rmtree(self.run.out)


def test_interrupted_runs_give_the_results_of_one_that_ran_through(
    driven_run: Callable[[str, Document, Path], DrivenRun], tmp_path: Path
) -> None:
    photos = write_photos(tmp_path / "photos")
    through, interrupted = (driven_run(name, JOB, photos) for name in ("through", "interrupted"))
    for run in (through, interrupted):
        run.environment = ONE_THREAD
    begun = time.monotonic()
    assert through.complete() == 0, through.output
    seconds = time.monotonic() - begun
    adversary = Adversary(interrupted, results(through), seconds, random.Random(SEED))
    for _ in range(MOMENTS):
        adversary.interrupt_once()
    adversary.finish()
    told = ", ".join(f"{count} x {what}" for what, count in sorted(adversary.met.items()))
    print(f"\n{MOMENTS} interruptions of a run of {seconds:.0f} s (seed {SEED}): {told}")
