"""Runs a program and measures it with all that it starts: time, processor time, memory."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from demo import layout
from reconstruction_worker.memory import held_by_tree

SAMPLE_SECONDS = 0.2


@dataclass(frozen=True)
class Usage:
    """What a program needed."""

    seconds: float
    cpu_seconds: float
    """User and system time of the program and everything it started and waited for."""
    peak_rss_mib: float
    """Most resident memory of the whole tree at a time, sampled; pages that processes share count once each."""
    cpu_seconds_after_mark: float
    """The part of `cpu_seconds` that was used after a file had appeared; all of it where no file was named."""


class ProgramFailed(Exception):  # noqa: N818 - reads as what happened
    """A measured program ended badly; the message ends with what it printed last."""


def run(command: Sequence[str | Path], log: Path, threads: int, mark: Path | None = None) -> Usage:
    """Run a program of this repository to its end. All numeric libraries get the same number of threads, which wait
    without spinning. `mark` is a file that it writes again at a moment of interest. Raises ProgramFailed."""
    log.parent.mkdir(parents=True, exist_ok=True)
    before, started, begun = _cpu_of_children(), time.monotonic(), time.time()
    peak, cpu_at_mark = 0, 0.0
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=layout.ROOT,
            env=os.environ | _environment(threads),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            tree = psutil.Process(process.pid)
            while process.poll() is None:
                peak = max(peak, held_by_tree(tree))
                if mark is not None and _is_newer(mark, begun):
                    mark, cpu_at_mark = None, _cpu_of_tree(tree)
                time.sleep(SAMPLE_SECONDS)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if process.returncode:
        words = " ".join(str(part) for part in command)
        raise ProgramFailed(f"`{words}` ended with {process.returncode}:\n{log.read_text()[-2000:]}")
    cpu_seconds = _cpu_of_children() - before
    return Usage(
        seconds=round(time.monotonic() - started, 1),
        cpu_seconds=round(cpu_seconds, 1),
        peak_rss_mib=round(peak / 2**20, 1),
        cpu_seconds_after_mark=round(cpu_seconds - cpu_at_mark, 1),
    )


def _environment(threads: int) -> dict[str, str]:
    return {
        "PYTHONPATH": os.pathsep.join(map(str, [*layout.packages(), layout.ROOT])),
        "OMP_NUM_THREADS": str(threads),
        "NUMBA_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",
    }


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _cpu_of_tree(root: psutil.Process) -> float:
    """Used so far by a process, its living descendants, and those that it has waited for."""
    with contextlib.suppress(psutil.NoSuchProcess):
        times = root.cpu_times()
        return (
            times.user
            + times.system
            + times.children_user
            + times.children_system
            + sum(_cpu_of_tree(child) for child in root.children())
        )
    return 0.0


def _is_newer(file: Path, moment: float) -> bool:
    try:
        return file.stat().st_mtime >= moment
    except OSError:
        return False
