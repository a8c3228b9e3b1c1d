"""Measures one operator after the other, each on a control plane of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from harness.operator_process import eventually
from reconstruction_operator.kube import ApiError

from ..machine import machine
from ..measuring import Document, Meter, Seen, in_parallel, peak_rss_mib, quantile
from ..setting import Bench, bench
from .calls import Calls
from .dask import Dask
from .jobset import JobSet
from .ours import Ours
from .peer import Peer

LIMIT_SECONDS = 180.0
"""What has not started after this time counts as not started."""
_FIRST = "first"


async def compare(jobs: int) -> dict[str, Any]:
    """Figures by operator, for that many jobs at once and for a tenth of them."""
    result: dict[str, Any] = {"machine": machine(), "limit_seconds": LIMIT_SECONDS, "rounds": []}
    for count in (max(1, jobs // 10), jobs):
        operators: dict[str, Any] = {}
        for peer in (Ours(), JobSet(), Dask()):
            print(f"{count} jobs: {peer.name} {peer.version} ...", flush=True)
            operators[peer.name] = await _measured(peer, count)
            print(json.dumps(operators[peer.name]), flush=True)
        result["rounds"].append({"jobs": count, "operators": operators})
    return result


async def _measured(peer: Peer, count: int) -> dict[str, Any]:
    """One job first, so that everything has been loaded and every watch is there; then all at once."""
    async with bench("peers", with_operator=False, with_others=True) as at:
        await asyncio.to_thread(peer.install, at)
        calls = await Calls.of_an_operator(at)
        async with _running(peer, at, calls) as process:
            await _first(peer, at)
            await calls.until_quiet(30)
            about = {"version": peer.version, "language": peer.language, "makes": peer.makes}
            return about | await _all_at_once(peer, at, calls, process, count)


@asynccontextmanager
async def _running(peer: Peer, at: Bench, calls: Calls) -> AsyncIterator[subprocess.Popen[bytes]]:
    """Shows the end of the program's log where something goes wrong."""
    log = at.folder / "peer.log"
    process = peer.start(at, calls.access, log)
    try:
        yield process
    except BaseException:
        print(*log.read_text(errors="replace").splitlines()[-20:], sep="\n", flush=True)
        raise
    finally:
        process.kill()
        process.wait()


async def _first(peer: Peer, at: Bench) -> None:
    """Create a job as soon as that is possible, and wait for what is made for it."""
    namespace = at.work.namespace

    async def created() -> bool:
        with contextlib.suppress(ApiError):  # webhooks that don't answer yet
            await at.work.kube.create(peer.jobs(namespace), peer.job(_FIRST))
            return True
        return False

    await eventually(created, f"{peer.name} takes a job", 60)
    async with AsyncExitStack() as stack:
        for each in peer.children(namespace):
            seen = Seen(lambda _: True, each.job_of)
            await stack.enter_async_context(seen.watching(at.work.kube, each.path, each.selector))
            await seen.until(1, 60)


async def _all_at_once(
    peer: Peer, at: Bench, calls: Calls, process: subprocess.Popen[bytes], count: int
) -> dict[str, Any]:
    """All figures are up to the last job's children; calls, processor time and waits are left out where some of them
    never came."""
    namespace, kube = at.work.namespace, at.work.kube
    kinds = [_children_of(each.job_of) for each in peer.children(namespace)]
    asked: dict[str, float] = {}

    async def one(number: int) -> None:
        name = f"job-{number}"
        asked[name] = time.monotonic()
        await kube.create(peer.jobs(namespace), peer.job(name))

    async with AsyncExitStack() as stack:
        for seen, each in zip(kinds, peer.children(namespace), strict=True):
            await stack.enter_async_context(seen.watching(kube, each.path, each.selector))
        meter, before, started = Meter(at.cluster, process.pid), await calls.made(), time.monotonic()
        applied = await in_parallel(count, one)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + LIMIT_SECONDS - applied):
                for seen in kinds:
                    await seen.until(count)
        elapsed, cpu = time.monotonic() - started, meter.milliseconds_for_each(count)
        made = await calls.made() - before
        there = {name: max(seen.at[name] for seen in kinds) for name in asked if all(name in seen.at for seen in kinds)}
    figures = {
        "started": len(there),
        "applied_per_second": round(count / applied, 1),
        "peak_rss_mib": peak_rss_mib(process),
    }
    if len(there) < count:
        return figures | {"jobs_per_second": round(len(there) / elapsed, 2)}
    waits = [moment - asked[name] for name, moment in there.items()]
    return figures | {
        "jobs_per_second": round(count / (max(there.values()) - started), 2),
        "p50_start_seconds": quantile(waits, 0.5),
        "p99_start_seconds": quantile(waits, 0.99),
        "api_calls_per_job": round(made / count, 1),
        "cpu_milliseconds_per_job": cpu,
    }


def _children_of(job_of: Any) -> Seen:
    """Those of all jobs but the first."""

    def counts(document: Document) -> bool:
        return job_of(document) != _FIRST

    return Seen(counts, job_of)
