"""Two replicas: one leads, the other takes over, and nothing is done twice."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import aiohttp
import pytest

from harness.fake_kubelet import RUNS_ON, Ending, kubelet_for, well
from harness.operator_process import OperatorProcess, eventually
from harness.workbench import Workbench, workbench
from reconstruction_api.worker import WorkerJob

from .test_operator import Case

pytestmark = pytest.mark.cluster

SHORT, LONG = 20, 300
"""Durations of a Lease in seconds: one to wait for, and one that no test outlives. For half of it a leader may fail to
renew it: on a busy machine an API server can be silent for seconds, and a leader that gives up ends its process."""


def replica(
    work: Workbench, kubeconfig: Path, log: Path, identity: str, duration: int = SHORT, namespaces: str = ""
) -> OperatorProcess:
    """An operator that takes part in the election of its namespace, and serves that or others."""
    times = {"duration": duration, "renew_deadline": duration // 2, "retry": 0.3}
    lease = {f"lease_{name}_seconds": str(value) for name, value in times.items()}
    return OperatorProcess(
        kubeconfig,
        log,
        namespaces=namespaces or work.namespace,
        leader_election="true",
        lease_namespace=work.namespace,
        identity=identity,
        advertise_host="127.0.0.1",
        **lease,
    )


async def holder(work: Workbench) -> str:
    leases = await work.listed("/apis/coordination.k8s.io/v1/.../leases")
    return leases[0]["spec"]["holderIdentity"] if leases else ""


async def leads(work: Workbench, identity: str) -> bool:
    return await holder(work) == identity


@pytest.mark.parametrize(("gracefully", "duration"), [(True, LONG), (False, SHORT)])
async def test_another_replica_takes_over_in_the_middle_of_a_job(
    kubeconfig: Path, tmp_path: Path, gracefully: bool, duration: int
) -> None:
    """One that leaves gives the Lease up at once; one that is killed is succeeded when the Lease ends."""
    async with workbench(kubeconfig, tmp_path / "none", running=False) as work, kubelet_for(kubeconfig) as kubelet:
        first, second = (replica(work, kubeconfig, tmp_path / name, name, duration) for name in ("first", "second"))
        try:
            first.start()
            await eventually(lambda: leads(work, "first"), "the first leads")
            second.start()
            await second.answers()
            await work.create_profile()
            case = Case(work, "statue", kubelet)
            trains = True

            def script(job: WorkerJob) -> Ending:
                return RUNS_ON if trains and job.resource_class == "reconstruct" else well(job)

            case.pods_end(script)
            await case.create()
            await eventually(lambda: case.has_started(2), "training runs")
            if gracefully:
                assert first.stop() == 0
            else:
                first.kill()
            await eventually(lambda: leads(work, "second"), "the second leads")
            trains = False
            await case.change(suspend=True)
            await case.until("Suspended")
            await case.change(suspend=False)
            await case.until("Succeeded")
            assert case.classes() == ["prepare", "reconstruct", "reconstruct", "deliver"]
        finally:
            first.kill()
            second.kill()


async def refuses_a_forged_token(session: aiohttp.ClientSession, each: OperatorProcess) -> bool:
    """A replica that has not yet looked for the leader says that there is none."""
    headers = {"Authorization": "Bearer forged"}
    async with session.post(f"{each.workers_url}/v1/progress", data="{}", headers=headers) as answer:
        return answer.status == 401


async def test_every_replica_is_ready_and_knows_who_takes_updates(kubeconfig: Path, tmp_path: Path) -> None:
    async with workbench(kubeconfig, tmp_path / "none", running=False) as work, aiohttp.ClientSession() as session:
        replicas = [replica(work, kubeconfig, tmp_path / name, name, LONG) for name in ("first", "second")]
        try:
            for each in replicas:
                each.start()
                await each.answers()
                await eventually(lambda: holder(work), "one leads")
            for each in replicas:
                async with session.get(f"{each.url}/readyz") as answer:
                    assert (answer.status, await answer.text()) == (200, "ok")
                await eventually(partial(refuses_a_forged_token, session, each), "the leader has looked at the token")
        finally:
            for each in replicas:
                each.kill()
