"""What one job's whole life costs: writes to the API server, status updates, Events, and time beside its pods'."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime
from typing import Any

from harness.fake_kubelet import Ending, well
from harness.workbench import API, JobUnderTest
from reconstruction_api.names import JOB_KIND
from reconstruction_api.worker import WorkerJob
from reconstruction_operator.model import JobKey

from .live import WRITES
from .measuring import Document, Seen, metric
from .setting import Bench, create

POD_SECONDS, PODS = 5, 3
_BETWEEN_SECONDS = 0.15


def _brief(job: WorkerJob) -> Ending:
    return well(job).lasting(POD_SECONDS)


class _Versions(Seen):
    """Counts how often each object has changed."""

    def __init__(self) -> None:
        super().__init__(_has_succeeded)
        self.changes: Counter[str] = Counter()

    def upsert(self, document: Document) -> JobKey | None:
        self.changes[document["metadata"]["name"]] += 1
        return super().upsert(document)


def _has_succeeded(job: Document) -> bool:
    conditions = job.get("status", {}).get("conditions", [])
    return any(each["type"] == "Succeeded" and each["status"] == "True" for each in conditions)


async def lives(at: Bench, count: int) -> dict[str, Any]:
    """Healthy jobs, a few at a time, whose pods last for some seconds."""
    work, at.kubelet.otherwise = at.work, _brief
    first = JobUnderTest(work, "first")  # everything has been loaded
    await first.create()
    await first.until("Succeeded")
    jobs, before = _Versions(), await metric(work.operator, WRITES)
    path = first.path.rpartition("/")[0]
    async with jobs.watching(work.kube, path):
        for number in range(count):
            await create(work, f"life-{number}")
            await asyncio.sleep(_BETWEEN_SECONDS)
        await jobs.until(1 + count)
        await asyncio.sleep(2)  # Events are written last
    writes = await metric(work.operator, WRITES) - before
    ended = [each for each in await work.listed(f"{API}/.../reconstructionjobs") if each["metadata"]["name"] != "first"]
    events = await work.listed("/apis/events.k8s.io/v1/.../events")
    warnings = [each for each in events if (each["type"], each["regarding"]["kind"]) == ("Warning", JOB_KIND)]
    updates = sum(number - 1 for name, number in jobs.changes.items() if name != "first")  # the first is its creation
    return {
        "one_life_writes": round(writes / count, 1),
        "one_life_status_updates": round(updates / count, 1),
        "one_life_overhead_seconds": round(sum(map(_seconds, ended)) / count - POD_SECONDS * PODS, 1),
        "warnings_about_healthy_jobs": len(warnings),
    }


def _seconds(job: Document) -> float:
    created, ended = job["metadata"]["creationTimestamp"], job["status"]["completionTime"]
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(created)).total_seconds()
