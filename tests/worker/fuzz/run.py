"""Feeds damaged sources to the stages that read them: `python -m tests.worker.fuzz.run [COUNT] [SEED]`.

A case passes when the source is read, or refused with a code of the catalogue, within ten seconds and without a file
anywhere but in the workspace. The cases run in a child process: a crash of native code fails the case that caused it.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

PATIENCE_SECONDS = 10.0
START_SECONDS = 120.0
"""For importing libraries, on a busy machine."""
MUST_NOT_FAIL = "InternalError"


def run(count: int, seed: int = 0) -> tuple[Counter[str], list[str]]:
    """How many cases ended how (a code, or `accepted`), and those that must not have."""
    outcomes: Counter[str] = Counter()
    failures: list[str] = []
    pending = list(range(count))
    while pending:
        done = 0
        for number, outcome, problem in _in_child(pending, seed):
            outcomes[outcome] += 1
            if problem:
                failures.append(f"case {number} (seed {seed}): {problem}")
            done += 1
        pending = pending[done:]
    return outcomes, failures


def _in_child(numbers: list[int], seed: int) -> Iterator[tuple[int, str, str]]:
    """Results of the cases in their order, up to the first that the process does not survive."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_work, args=(there, numbers, seed), daemon=True)
    child.start()
    there.close()
    try:
        if not here.poll(START_SECONDS):
            raise TimeoutError("the process of the cases did not start")
        here.recv()
        for number in numbers:
            try:
                if not here.poll(PATIENCE_SECONDS):
                    yield number, "hang", f"took more than {PATIENCE_SECONDS:g} s"
                    return
                yield number, *here.recv()
            except EOFError:
                child.join(10)
                yield number, "crash", f"ended the process with status {child.exitcode}"
                return
    finally:
        child.kill()
        child.join()


def _work(results: Connection, numbers: list[int], seed: int) -> None:
    import reconstruction_worker.poses  # noqa: F401  (loads libraries in the order that they bear)

    from .cases import KINDS

    kinds = list(KINDS)
    results.send("ready")
    for number in numbers:
        generator = random.Random(seed * 1_000_003 + number)
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            results.send(_judge(kinds[number % len(kinds)], generator, Path(folder)))


def _judge(kind: str, generator: random.Random, folder: Path) -> tuple[str, str]:
    from reconstruction_api.errors import CATALOGUE, ReconstructionError

    from .cases import KINDS

    source = KINDS[kind](generator, folder)
    before = _outside(folder)
    start = time.monotonic()
    problem = ""
    try:
        _read(source, folder / "workspace")
        outcome = "accepted"
    except ReconstructionError as error:
        outcome = error.code
        if outcome not in CATALOGUE or outcome == MUST_NOT_FAIL:
            problem = f"{kind}: {outcome}"
        if str(folder) in json.dumps([error.message, error.details], default=str):
            problem = f"{kind}: the message tells an internal path: {error.message}"
    except Exception:
        outcome, problem = "traceback", f"{kind}: {traceback.format_exc()}"
    if time.monotonic() - start > PATIENCE_SECONDS:
        problem = f"{kind}: took {time.monotonic() - start:.0f} s"
    if _outside(folder) != before:
        problem = f"{kind}: wrote outside the workspace: {sorted(_outside(folder) ^ before)}"
    shutil.rmtree(folder / "workspace", ignore_errors=True)
    return outcome, problem


def _read(source: Path, workspace: Path) -> None:
    """Ingest, then the provided poses; no structure from motion, which would look at the same photos for long."""
    from reconstruction_api.job import ReconstructionJobSpec
    from reconstruction_api.stages import StageName
    from reconstruction_worker.poses.dataset_photos import read_dataset
    from reconstruction_worker.poses.provided import provided_format, read_provided
    from reconstruction_worker.stage import StageContext
    from reconstruction_worker.stages import ingest

    spec = ReconstructionJobSpec.model_validate({"source": {"uri": "photos"}, "engine": "elsewhere"})
    ingest.run(StageContext(StageName.INGEST, workspace, spec, lambda _: None, lambda: False, source))
    folder = workspace / "ingest" / "provided"
    if provided_format(folder) is not None:
        read_provided(folder, read_dataset(workspace))


def _outside(folder: Path) -> set[str]:
    """Names beside the workspace, and where paths that lead out of it would end."""
    near = {str(path.relative_to(folder)) for path in folder.rglob("*") if "workspace" not in path.parts}
    return near | {str(path) for place in (folder.parent, Path("/tmp")) for path in place.glob("out.png")}


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    start = time.monotonic()
    outcomes, failures = run(count, seed)
    sys.stdout.write(
        json.dumps({"cases": count, "seconds": round(time.monotonic() - start), "outcomes": outcomes}) + "\n"
    )
    sys.stdout.write("".join(f"{failure}\n" for failure in failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
