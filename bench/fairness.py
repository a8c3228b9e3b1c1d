"""How long one tenant waits behind another one's ten thousand jobs."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from harness.operator_process import eventually
from harness.workbench import JobUnderTest, Workbench
from reconstruction_api.names import LABEL_JOB
from reconstruction_operator import paths

from .measuring import ChildJobs, Document, Seen, metric
from .population import Remains, fill
from .setting import Bench, create, runs_on

CROWD = "crowd"
QUEUE_DEPTH = "reconstruction_operator_queue_depth"
_WAITING_SHARE = 0.7
"""At least so many of the crowd's jobs wait in the queue when the other tenant comes: the first have been started."""
_BETWEEN_SECONDS = 0.5


async def behind(at: Bench, count: int) -> dict[str, Any]:
    """A tenant confirms a cancellation, and creates a job, while `count` new jobs of another one wait for a look."""
    work, at.kubelet.otherwise = at.work, runs_on
    running = JobUnderTest(work, "running")
    await running.create()
    await running.until("Admitted", reason="Running")
    await running.change(cancellation="Requested")
    await running.until("CancellationRequested")
    sample = await _sample(work)
    filled = await fill(at.cluster, Remains(sample, []), count)
    depth = await eventually(lambda: _crowd_that_waits(work, count * _WAITING_SHARE), "the crowd waits", 300)
    print(f"{count} new jobs are there after {filled:.0f} s, {depth:.0f} wait", flush=True)

    stopped, children = Seen(lambda pod: "deletionTimestamp" in pod["metadata"]), ChildJobs("prepare")
    async with (
        stopped.watching(work.kube, paths.pods(work.namespace), f"{LABEL_JOB}=running"),
        children.watching(work.kube, paths.child_jobs(work.namespace), f"{LABEL_JOB}=newcomer"),
    ):
        asked = time.monotonic()
        await asyncio.gather(running.change(cancellation="Confirmed"), create(work, "newcomer"))
        await asyncio.gather(stopped.until(1), children.until(1))
    return {
        "cancellation_behind_10000_seconds": round(min(stopped.at.values()) - asked, 2),
        "first_child_job_behind_10000_seconds": round(min(children.at.values()) - asked, 2),
        "waiting_behind": round(depth),
    }


async def _crowd_that_waits(work: Workbench, number: float) -> float | None:
    """How many, once all have been seen, so that they become fewer."""
    before = await metric(work.operator, QUEUE_DEPTH)
    await asyncio.sleep(_BETWEEN_SECONDS)
    now = await metric(work.operator, QUEUE_DEPTH)
    return now if number <= now < before else None


async def _sample(work: Workbench) -> Document:
    """A job as its author has created it, of a namespace of its own."""
    await work.kube.create("/api/v1/namespaces", {"metadata": {"name": CROWD}})
    other = Workbench(work.kube, work.operator, CROWD, work.profile)
    await other.create_profile()
    sample = JobUnderTest(other, "sample-of-the-crowd")
    work.operator.kill()
    await create(other, sample.name)
    document = await sample.get()
    await work.kube.request("DELETE", sample.path)
    work.operator.start()
    await work.operator.answers()
    return document
