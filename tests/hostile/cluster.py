"""A real operator with a real API server for hostile clients, and the tokens that they may get hold of."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from harness.fake_kubelet import RUNS_ON, FakeKubelet, kubelet_for
from harness.operator_process import eventually, free_port
from harness.workbench import JobUnderTest, Workbench, workbench
from reconstruction_api.names import ENV_JOB, PROGRESS_AUDIENCE

_SPARE_FILES = 200
WORKER = "127.0.0.2"


@dataclass
class Bench:
    """An operator that leads, and a job whose first pod runs."""

    work: Workbench
    kubelet: FakeKubelet
    job: JobUnderTest
    log: Path

    @property
    def port(self) -> int:
        return int(self.work.operator.workers_url.rpartition(":")[2])

    async def pod(self, job: JobUnderTest | None = None) -> dict[str, Any]:
        async def running() -> dict[str, Any] | None:
            pods = await (job or self.job).children("/api/v1/.../pods")
            return next((pod for pod in pods if pod["status"].get("phase") == "Running"), None)

        return await eventually(running, "a pod runs")

    async def token(self, pod: dict[str, Any], audience: str = PROGRESS_AUDIENCE) -> str:
        """As the kubelet asks for one."""
        namespace, account = pod["metadata"]["namespace"], pod["spec"].get("serviceAccountName", "default")
        bound = {"kind": "Pod", "apiVersion": "v1", "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        body = {"spec": {"audiences": [audience], "boundObjectRef": bound, "expirationSeconds": 3600}}
        return (await self.work.kube.create(path, body))["status"]["token"]

    async def is_heard(self, token: str, pod: dict[str, Any]) -> None:
        """Returns once an update of the pod's worker is accepted: the operator may not have been shown the pod yet."""

        async def accepted() -> bool:
            return await self.post(token, pod) in (200, 202)

        await eventually(accepted, "the operator knows the pod")

    async def post(self, token: str, pod: dict[str, Any]) -> int:
        """An update of the pod's worker, from an address of its own, as pods have; the status of the answer."""
        environment = {each["name"]: each.get("value", "") for each in pod["spec"]["containers"][0]["env"]}
        order = json.loads(environment[ENV_JOB])
        body = {name: order[name] for name in ("namespace", "name", "uid", "attempt", "resourceClass")}
        body |= {"sequence": time.time_ns() // 1_000_000}
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(WORKER, 0))) as session,
            session.post(
                f"{self.work.operator.workers_url}/v1/progress",
                json=body,
                headers={"Authorization": f"Bearer {token}"},
            ) as answer,
        ):
            return answer.status

    async def first_child_of_a_new_job(self, name: str) -> float:
        """In how many seconds after its creation a job has its first Job."""
        job = JobUnderTest(self.work, name)
        started = time.monotonic()
        await job.create()
        await eventually(job.children, "a child Job", 30)
        return time.monotonic() - started


@asynccontextmanager
async def bench(kubeconfig: Path, log: Path, **flags: str) -> AsyncIterator[Bench]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    flags = {"progress_url": url, "progress_port": str(port), **flags}
    async with workbench(kubeconfig, log, running=True, **flags) as work, kubelet_for(kubeconfig) as kubelet:
        kubelet.otherwise = lambda _: RUNS_ON
        await work.operator.answers()
        await work.create_profile()
        job = JobUnderTest(work, "statue")
        await job.create()
        made = Bench(work, kubelet, job, log)
        await made.pod()
        yield made


def connections_allowed(wanted: int) -> int:
    """As many as this process may have files open."""
    return min(wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _SPARE_FILES)


async def flood(port: int, requests: int, connections: int, addresses: int, tokens: Path) -> asyncio.subprocess.Process:
    """The program in flood.py, running."""
    words = [*map(str, (port, requests, connections, addresses)), str(tokens)]
    program = Path(__file__).with_name("flood.py")
    return await asyncio.create_subprocess_exec(sys.executable, program, *words, stdout=asyncio.subprocess.PIPE)
