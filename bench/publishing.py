"""Publishing a gigabyte of results to an S3 server, beside a plain copy of the same files to the same server.

    python -m bench.publishing [--megabytes 1000] [--rounds 3] [--out FILE]

Copies and publications take turns, each in a process of its own; rates are medians. A publication reads, compares and
names what it has sent; the plain copy only sends. Bars: at most 300 MiB above what the process held at its start, at
least six tenths of the copy's rate.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import requests

from harness.operator_process import free_port

from .machine import machine

MOST_MIB: Final = 300
LEAST_RATE: Final = 0.6
_BUCKET: Final = "assets"
_PIECE: Final = 16 * 2**20


def main() -> int:
    """Exit status 0 when both bars are met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found: dict[str, Any] = {"machine": machine(), "megabytes": options.megabytes}
    with tempfile.TemporaryDirectory(prefix="bench-publishing-") as folder:
        workspace = _results(Path(folder), options.megabytes)
        runs: dict[str, list[tuple[float, float]]] = {"copy": [], "publish": []}
        for _ in range(options.rounds):
            for name, work in (("copy", _copy), ("publish", _publish)):
                with _server() as address:
                    runs[name].append(_measured(work, workspace, address))
    for name, measured in runs.items():
        found[name] = {
            "mb_per_second": round(options.megabytes / statistics.median(seconds for seconds, _ in measured), 1),
            "mib_above_start": round(max(memory for _, memory in measured)),
        }
    found["rate_of_copy"] = round(found["publish"]["mb_per_second"] / found["copy"]["mb_per_second"], 2)
    found["passed"] = found["rate_of_copy"] >= LEAST_RATE and found["publish"]["mib_above_start"] <= MOST_MIB
    text = json.dumps(found, indent=1)
    sys.stdout.write(text + "\n")
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text + "\n")
    return 0 if found["passed"] else 1


def _results(folder: Path, megabytes: int) -> Path:
    """A workspace with one file of nine tenths of the size, and thirty small ones."""
    from harness.finished_workspace import record, results
    from reconstruction_api.stages import StageName

    results(folder, {})
    artifacts = folder / "artifacts"
    noise = random.Random(1).randbytes(_PIECE)
    _fill(artifacts / "model.obj", noise, megabytes * 900_000)
    for index in range(30):
        _fill(artifacts / f"part-{index:02}.ply", noise, megabytes * 100_000 // 30)
    record(folder, StageName.REPORT, "2026-01-01T00:00:00Z")
    return folder


def _fill(path: Path, noise: bytes, size: int) -> None:
    """Each piece begins with its number, so that no two are alike."""
    with path.open("wb") as file:
        for number, start in enumerate(range(0, size, _PIECE)):
            piece = number.to_bytes(8) + noise[8:]
            file.write(piece[: size - start])


@contextlib.contextmanager
def _server() -> Iterator[str]:
    """moto in a process of its own, with an empty bucket."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    requests.put(f"{address}/{_BUCKET}", timeout=10).raise_for_status()
                    break
                except requests.ConnectionError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.1)
            yield address
        finally:
            server.terminate()


def _measured(work: Callable[[Path, str], None], workspace: Path, address: str) -> tuple[float, float]:
    """Seconds, and MiB above what the process held when it began."""
    spawn = multiprocessing.get_context("spawn")
    answers: Any = spawn.SimpleQueue()
    process = spawn.Process(target=_child, args=(work, workspace, address, answers))
    process.start()
    process.join()
    if process.exitcode != 0:
        raise RuntimeError(f"{work.__name__} ended with status {process.exitcode}")
    return answers.get()


def _child(work: Callable[[Path, str], None], workspace: Path, address: str, answers: Any) -> None:
    os.environ |= {"AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    import obstore  # noqa: F401

    from reconstruction_worker.ingest.storage import s3  # noqa: F401
    from reconstruction_worker.stages import publish  # noqa: F401

    Path("/proc/self/clear_refs").write_text("5")  # what it has held most counts from here
    before, started = _held("VmRSS"), time.monotonic()
    work(workspace, address)
    answers.put((time.monotonic() - started, (_held("VmHWM") - before) / 1024))


def _held(name: str) -> int:
    """Memory of this process in KiB, as proc(5) names it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def _copy(workspace: Path, address: str) -> None:
    import obstore
    from obstore.store import S3Store

    store = S3Store(_BUCKET, endpoint=address, region="us-east-1", client_options={"allow_http": True})
    for path in sorted((workspace / "artifacts").iterdir()):
        obstore.put(store, f"copy/{path.name}", path, chunk_size=8 * 2**20, max_concurrency=6)


def _publish(workspace: Path, address: str) -> None:
    del address
    from harness.finished_workspace import context
    from reconstruction_worker.stages import publish

    publish.run(context(workspace, {"uri": f"s3://{_BUCKET}/{{name}}/"}))
    for left in (workspace / "publish").iterdir():
        left.unlink()


if __name__ == "__main__":
    sys.exit(main())
