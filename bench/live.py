"""What live updates cost: every running job's worker reports once a second, and gains one percent in twenty."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import aiohttp

from harness.operator_process import eventually
from harness.workbench import API, Workbench, conditions
from reconstruction_api.names import LABEL_JOB, PROGRESS_AUDIENCE, PROGRESS_PATH
from reconstruction_api.stages import StageName
from reconstruction_api.worker import Progress, ProgressUpdate

from .measuring import Document, in_parallel, metric
from .setting import Bench

SECONDS = 60
SECONDS_A_PERCENT = 20
_CONNECTIONS = 32
WRITES = "reconstruction_operator_api_writes_total"


async def live_updates(at: Bench, count: int) -> dict[str, Any]:
    """Of `count` jobs that are there already, once all of them run."""
    work = at.work
    await eventually(lambda: _all_run(work, count), "every job runs", 600)
    workers = await _workers(work)
    meter, writes = at.meter(), await metric(work.operator, WRITES)
    answers: Counter[int] = Counter()
    started = time.monotonic()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=_CONNECTIONS)) as session:
        await asyncio.gather(
            *(_report(session, work, each, number / count, answers) for number, each in enumerate(workers))
        )
    seconds = time.monotonic() - started
    used = {name: each / 1000 / seconds for name, each in meter.milliseconds_for_each(1).items()}
    return {
        "live_update_cores_at_1000": round(used["operator"] + used["kube-apiserver"], 2),
        "live_update_cores": {name: round(each, 2) for name, each in used.items()},
        "live_updates_per_second": round(sum(answers.values()) / seconds),
        "live_updates_accepted_percent": round(100 * answers[200] / sum(answers.values())),
        "live_writes_per_second": round((await metric(work.operator, WRITES) - writes) / seconds, 1),
    }


async def _all_run(work: Workbench, count: int) -> bool:
    await asyncio.sleep(2)  # the listing is work for the API server
    jobs = await work.listed(f"{API}/.../reconstructionjobs")
    return sum(conditions(each).get("Admitted", {}).get("reason") == "Running" for each in jobs) >= count


async def _workers(work: Workbench) -> list[tuple[Document, str]]:
    """Each running job with a token that is bound to its pod, as the kubelet mounts it."""
    jobs = {each["metadata"]["name"]: each for each in await work.listed(f"{API}/.../reconstructionjobs")}
    pods = [each for each in await work.listed("/api/v1/.../pods") if each["status"]["phase"] == "Running"]
    found: list[tuple[Document, str]] = []

    async def one(number: int) -> None:
        metadata = pods[number]["metadata"]
        bound = {"kind": "Pod", "apiVersion": "v1", "name": metadata["name"], "uid": metadata["uid"]}
        spec = {"audiences": [PROGRESS_AUDIENCE], "expirationSeconds": 3600, "boundObjectRef": bound}
        path = f"/api/v1/namespaces/{work.namespace}/serviceaccounts/default/token"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        answer = await work.kube.create(path, body)
        found.append((jobs[metadata["labels"][LABEL_JOB]], answer["status"]["token"]))

    await in_parallel(len(pods), one)
    return found


async def _report(
    session: aiohttp.ClientSession, work: Workbench, worker: tuple[Document, str], phase: float, answers: Counter[int]
) -> None:
    """`phase` is where in each second the worker reports, and where in its percent it is."""
    job, token = worker
    run = job["status"]["runs"][-1]
    await asyncio.sleep(phase)
    for second in range(SECONDS):
        sent = time.monotonic()
        step = second + int(phase * SECONDS_A_PERCENT)
        update = ProgressUpdate(
            namespace=work.namespace, name=job["metadata"]["name"], uid=job["metadata"]["uid"], attempt=run["attempt"],
            resource_class=run["resourceClass"], sequence=second + 1,
            progress=Progress(
                stage=StageName.INGEST, percent=1 + step / SECONDS_A_PERCENT, step=step, total_steps=30_000,
                eta_seconds=3600 - second, memory_bytes=10**9 + second, cpu_percent=99.0, message=f"photo {second}",
            ),
        )  # fmt: skip
        headers = {"Authorization": f"Bearer {token}"}
        body = update.model_dump_json(by_alias=True, exclude_none=True)
        async with session.post(work.operator.workers_url + PROGRESS_PATH, data=body, headers=headers) as answer:
            answers[answer.status] += 1
        await asyncio.sleep(max(0.0, 1 - (time.monotonic() - sent)))
