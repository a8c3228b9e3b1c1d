"""Pods that are stopped and killed at random moments of all their stages; `make interrupts` does the same to whole
reconstructions.

`RECONSTRUCTION_INTERRUPTIONS_SEED` repeats a choice of moments.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
from pathlib import Path

import pytest

from reconstruction_api.errors import ExitCode
from reconstruction_api.stages import ResourceClass, StageName, stages_of

from .stage_packages import Bench
from .test_executor_interruption import start_pod

MOMENTS = 3
SEED = int(os.environ.get("RECONSTRUCTION_INTERRUPTIONS_SEED", str(random.randrange(10**6))))
STEPS = 6
STAGES = [stage.name.value for stage in stages_of(ResourceClass.RECONSTRUCT)]

# Six steps, each of which is saved; only train finds those of an interrupted run. What comes of it depends on what the
# stages before it made.
SIX_STEPS = """
import time
from reconstruction_api.stages import BY_NAME
from reconstruction_worker.stage import StageOutput, Stopped

def run(context):
    steps = context.folder / "steps"
    done = steps.read_text() if steps.exists() else ""
    while len(done) < 6:
        with (context.workspace / "log").open("a") as log:
            log.write(f"{context.name}\\n")
        time.sleep(0.06)
        done += "x"
        (context.folder / "new").write_text(done)
        (context.folder / "new").rename(steps)
        if context.stop_requested():
            raise Stopped
    needs = [context.of(need) / "out" for need in BY_NAME[context.name].needs]
    before = "".join(need.read_text() for need in needs if need.exists())
    (context.folder / "out").write_text(f"({before}{context.name} {done})")
    return StageOutput("done")
"""


def bench(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    folder.mkdir()
    made = Bench(folder, monkeypatch, **dict.fromkeys(STAGES, SIX_STEPS))
    made.pretend_done(StageName.POSES)
    return made


def results(made: Bench) -> dict[str, str]:
    return {name: (made.workspace / name / "out").read_text() for name in STAGES}


def test_pods_interrupted_at_random_moments_make_what_one_that_ran_through_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    through = bench(tmp_path / "through", monkeypatch)
    assert start_pod(through, tmp_path).wait(60) == ExitCode.DONE

    interrupted, moments = bench(tmp_path / "interrupted", monkeypatch), random.Random(SEED)
    signals: list[signal.Signals] = []
    while len(signals) < MOMENTS:
        pod = start_pod(interrupted, tmp_path)
        try:
            assert pod.wait(1 + moments.uniform(0, 3)) == ExitCode.DONE
            break
        except subprocess.TimeoutExpired:
            signals.append(moments.choice([signal.SIGTERM, signal.SIGKILL]))
            pod.send_signal(signals[-1])
            status = pod.wait(60)
            expected = {signal.SIGTERM: (ExitCode.RESUMABLE_STOP, ExitCode.DONE, -15), signal.SIGKILL: (-9,)}
            assert status in expected[signals[-1]], f"seed {SEED}"
    assert start_pod(interrupted, tmp_path).wait(60) == ExitCode.DONE

    assert results(interrupted) == results(through), f"seed {SEED}"
    trained = (interrupted.workspace / "log").read_text().split().count("train")
    # SIGTERM too ends a stage at once that has not yet asked for the first time whether to stop.
    assert trained <= STEPS + len(signals), f"more than a step lost to an interruption, seed {SEED}"
