"""Two replicas, two zones, a dozen jobs and everything that goes wrong in a cluster, at random, for a while.

`RECONSTRUCTION_CHAOS_SECONDS` says for how long (75 seconds by default, half an hour with `make chaos`);
`RECONSTRUCTION_CHAOS_SEED` repeats a run.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from devcluster.cluster import Cluster
from harness.fake_kubelet import DISRUPTED, EVICTED, RUNS_ON, Ending, FakeKubelet, badly, kubelet_for, well
from harness.operator_process import OperatorProcess, eventually
from harness.workbench import Workbench, workbench
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.worker import WorkerJob
from reconstruction_operator.kube import ApiError
from reconstruction_operator.policies.control.needs import needs_of

from .test_operator import Case
from .test_operator_replicas import SHORT, replica
from .test_operator_zones import CLASS, GPU, GPU_TAINTS, two_zones
from .witness import Watch, WatchOfPods, Witness

QUIET_SECONDS = 900
"""Within which each job ends once nothing more happens: controllers that met a dead API server wait for minutes."""
pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(3600)]

SECONDS = float(os.environ.get("RECONSTRUCTION_CHAOS_SECONDS", "75"))
SEED = int(os.environ.get("RECONSTRUCTION_CHAOS_SEED", str(random.randrange(10**6))))
JOBS = 12
TROUBLE_A_JOB = 8
"""Passing failures a job may meet: fewer than it has attempts, so that how it must end is known."""
GPUS, VOLUMES = 100, 4 * JOBS
"""For each zone: jobs whose first pod bound a volume where no GPU is need another one."""
PROFILE: dict[str, Any] = {"workspace": {"size": "1Gi", "storageClassName": CLASS}, "gpu": GPU}
Document = dict[str, Any]


@dataclass
class Chaos:
    """What may happen at any moment."""

    work: Workbench
    cluster: Cluster
    kubelets: list[FakeKubelet]
    """Of a node without GPUs, and of one with GPUs and a taint in another zone."""
    replicas: list[OperatorProcess]
    cases: list[Case]
    witness: Witness
    dice: random.Random
    tenant: Case
    """A job in a namespace that comes and goes."""
    trouble: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    away: OperatorProcess | None = None
    """The replica that is being killed and started again."""

    def script(self, job: WorkerJob) -> Ending:
        """How a pod ends: mostly well; else as memory, storage, nodes and people have it."""
        seconds = self.dice.uniform(0, 2)
        if job.name == self.cases[-1].name and job.resource_class == "reconstruct":
            return badly("EmptyMesh", "nothing there")
        if self.dice.random() < 0.5 or self.trouble[job.name] >= TROUBLE_A_JOB:
            ending = well(job).lasting(seconds)
            return ending.beside(self.dice.choice(["runs on", "fails"])) if self.dice.random() < 0.3 else ending
        self.trouble[job.name] += 1
        endings = [
            DISRUPTED,
            EVICTED,
            Ending(5, None, "Error"),
            Ending(137, None, "OOMKilled"),
            Ending(139, None, "Error"),
            badly("ArtifactStoreError", "storage is away"),
        ]
        return self.dice.choice(endings).lasting(seconds)

    async def kill_a_replica(self) -> None:
        chosen = self.dice.choice(self.replicas)
        self.away = chosen
        await asyncio.to_thread(self.dice.choice([chosen.kill, chosen.stop]))
        await asyncio.sleep(self.dice.uniform(0, 2))
        chosen.start()
        self.away = None

    async def freeze_a_replica(self) -> None:
        """For longer than its Lease, as a partition from the API server does: it wakes up in a world that went on."""
        chosen = self.dice.choice(self.replicas)
        assert chosen.process is not None
        chosen.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(self.dice.uniform(SHORT + 1, SHORT + 4))
        chosen.process.send_signal(signal.SIGCONT)

    async def restart_the_api_server(self) -> None:
        await asyncio.to_thread(self.cluster.restart_api_server, self.dice.uniform(0, 3))

    async def let_a_node_be_not_ready(self) -> None:
        kubelet = self.dice.choice(self.kubelets)
        await kubelet.set_ready(False)
        await asyncio.sleep(self.dice.uniform(1, 5))
        await kubelet.set_ready(True)

    async def evict_all_pods(self) -> None:
        """A taint that no pod tolerates; Kubernetes gives them the condition DisruptionTarget."""
        for kubelet, taints in zip(self.kubelets, ([], GPU_TAINTS), strict=True):
            await kubelet.set_taints([*taints, {"key": "chaos", "effect": "NoExecute"}])
        await asyncio.sleep(self.dice.uniform(0.5, 2))
        for kubelet, taints in zip(self.kubelets, ([], GPU_TAINTS), strict=True):
            await kubelet.set_taints(taints)

    async def delete_or_create_a_namespace(self) -> None:
        """A tenant goes with a job that may be at anything, and comes back another time."""
        namespace = await self._tenants_namespace()
        if namespace is None:
            await self.create_tenant()
        elif "deletionTimestamp" not in namespace["metadata"]:
            await self._delete(f"/api/v1/namespaces/{self.tenant.work.namespace}", {})

    async def create_tenant(self) -> None:
        await self.work.kube.create("/api/v1/namespaces", {"metadata": {"name": self.tenant.work.namespace}})
        await self.tenant.work.create_profile(**PROFILE)
        self.tenant.pods_end(self.script)
        await self.tenant.create(retryPolicy={"maxAttempts": 20, "backoffSeconds": 0})

    async def restore_tenant(self) -> None:
        """The namespace is there again, with the job, whatever the chaos had left of it."""

        async def is_settled() -> bool:
            namespace = await self._tenants_namespace()
            return namespace is None or "deletionTimestamp" not in namespace["metadata"]

        await eventually(is_settled, "the namespace is gone, or stays")
        if await self._tenants_namespace() is None:
            await self.create_tenant()

    async def _tenants_namespace(self) -> Document | None:
        try:
            return await self.work.kube.get(f"/api/v1/namespaces/{self.tenant.work.namespace}")
        except ApiError as error:
            if not error.not_found:
                raise
            return None

    async def revive(self) -> None:
        """A replica that lost its Lease has ended, also because the machine is busy; Kubernetes starts it again."""
        while True:
            for each in self.replicas:
                if each is not self.away and each.process is not None and each.process.poll() is not None:
                    each.start()
            await asyncio.sleep(1)

    async def delete_a_pod(self) -> None:
        pods = await self.work.listed("/api/v1/.../pods")
        if pods:
            name = self.dice.choice(pods)["metadata"]["name"]
            body = {"gracePeriodSeconds": self.dice.choice([0, 30])}
            await self._delete(f"/api/v1/namespaces/{self.work.namespace}/pods/{name}", body)

    async def delete_a_child_job(self) -> None:
        jobs = await self.work.listed("/apis/batch/v1/.../jobs")
        if jobs:
            name = self.dice.choice(jobs)["metadata"]["name"]
            self.witness.removed_by_chaos.add(name)
            policy = self.dice.choice(["Background", "Foreground"])
            await self._delete(
                f"/apis/batch/v1/namespaces/{self.work.namespace}/jobs/{name}", {"propagationPolicy": policy}
            )

    async def suspend_or_resume(self) -> None:
        case = self.dice.choice(self.cases)
        await case.change(suspend=not (await case.get())["spec"].get("suspend", False))

    async def change_a_spec(self) -> None:
        await self.dice.choice(self.cases).change(mesh={"targetFaces": self.dice.choice([1000, 2000])})

    async def _delete(self, path: str, body: Document) -> None:
        try:
            await self.work.kube.request("DELETE", path, body=body)
        except ApiError as error:
            if not error.not_found:
                raise

    async def reign(self, seconds: float) -> None:
        steps: list[Callable[[], Awaitable[None]]] = [
            self.kill_a_replica, self.delete_a_pod, self.delete_a_pod, self.delete_a_child_job,
            self.suspend_or_resume, self.suspend_or_resume, self.change_a_spec,
            self.freeze_a_replica, self.restart_the_api_server, self.let_a_node_be_not_ready, self.evict_all_pods,
            self.delete_or_create_a_namespace,
        ]  # fmt: skip
        end, due = time.monotonic() + seconds, []
        while time.monotonic() < end:
            if not due:  # each comes to pass before any comes again: a short run leaves none out
                due = self.dice.sample(steps, len(steps))
            step = due.pop()
            self.done[step.__name__] += 1
            await step()
            await asyncio.sleep(self.dice.uniform(0.1, 1.5))


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """Its API server comes and goes: no other test may use it."""
    cluster = Cluster(f"test-chaos-{os.getpid()}")
    try:
        cluster.up(with_node=False, owner=os.getpid())
        yield cluster
    finally:
        cluster.down()


async def test_after_a_restore_of_etcd_the_operator_starts_anew_and_goes_on(
    own_cluster: Cluster, tmp_path: Path
) -> None:
    kubeconfig, backup, log = own_cluster.kubeconfig, tmp_path / "backup", tmp_path / "log"
    async with workbench(kubeconfig, log) as work:
        await work.create_profile()
        async with kubelet_for(kubeconfig) as kubelet:
            case = Case(work, "statue", kubelet)
            case.pods_end(lambda _: RUNS_ON)
            await case.create()
            await case.until("Admitted", "True", "Running")
            await asyncio.to_thread(own_cluster.back_up, backup)
            await case.change(suspend=True)
            await case.until("Suspended")
            process = work.operator.process
            assert process is not None and process.poll() is None, "an absence is waited out"

        await asyncio.to_thread(own_cluster.restore, backup)
        status = await asyncio.to_thread(process.wait, 120)
        assert status == 1 and "data is older than before" in log.read_text()
        assert not (await case.get())["spec"].get("suspend")

        async with kubelet_for(kubeconfig):
            work.operator.start()  # as Kubernetes does
            for pod in await case.children("/api/v1/.../pods"):
                path = f"/api/v1/namespaces/{work.namespace}/pods/{pod['metadata']['name']}"
                await work.kube.request("DELETE", path)
            await case.until("Succeeded")


async def test_every_job_ends_as_it_should_and_nothing_is_ever_done_twice(own_cluster: Cluster, tmp_path: Path) -> None:
    print(f"seed {SEED}, {SECONDS:g} s")
    kubeconfig = own_cluster.kubeconfig
    async with (
        workbench(kubeconfig, tmp_path / "none", running=False) as work,
        two_zones(kubeconfig, work, gpus=GPUS, volumes=VOLUMES) as kubelets,
    ):
        elsewhere = replace(work, namespace=f"{work.namespace}-tenant")
        served = f"{work.namespace},{elsewhere.namespace}"
        replicas = [replica(work, kubeconfig, tmp_path / name, name, namespaces=served) for name in ("first", "second")]
        kubelet = _as_one(kubelets)
        cases = [Case(work, f"job-{number}", kubelet) for number in range(JOBS)]
        tenant = Case(elsewhere, "tenants-job", kubelet)
        witness = Witness()
        chaos = Chaos(work, own_cluster, kubelets, replicas, cases, witness, random.Random(SEED), tenant)
        jobs = f"/apis/batch/v1/namespaces/{work.namespace}/jobs"
        watches = [
            Watch(work.kube, jobs, witness.observe_job, witness.jobs),
            WatchOfPods(work.kube, work.namespace, witness),
        ]
        watching = [asyncio.create_task(each.run()) for each in watches]
        reviving: asyncio.Task[None] | None = None
        try:
            for each in replicas:
                each.start()
            reviving = asyncio.create_task(chaos.revive())
            await work.create_profile(**PROFILE)
            await chaos.create_tenant()
            for case in cases:
                case.pods_end(chaos.script)
                await case.create(retryPolicy={"maxAttempts": 20, "backoffSeconds": 0})
            await chaos.reign(SECONDS)
            await chaos.restore_tenant()
            await _settles([tenant, *cases])
            print(f"{dict(chaos.done)}; {sum(witness.created.values())} child Jobs, {len(kubelet.seen)} pods")
            assert witness.broken == [], "\n".join(witness.broken)
            for case in (tenant, *cases[:-1]):
                await _delivered_what_was_asked(case)
        finally:
            for task in watching:
                task.cancel()
            if reviving is not None:
                reviving.cancel()
            for each in replicas:
                each.kill()


def _as_one(kubelets: list[FakeKubelet]) -> FakeKubelet:
    """All pods of the cluster, with one memory of what pods were told and one script of how they end."""
    first = kubelets[0]
    for kubelet in kubelets:
        kubelet.namespace, kubelet.scripts, kubelet.seen, kubelet.ended = "", first.scripts, first.seen, first.ended
    return first


async def _settles(cases: list[Case]) -> None:
    """Once nothing disturbs any more every job ends as its pods do."""
    for case in cases[:-1]:
        case.pods_end(well)
    for case in cases:
        await case.change(suspend=False)
    for case in cases[:-1]:
        await case.until("Succeeded", seconds=QUIET_SECONDS)
    await cases[-1].until("Succeeded", "False", "EmptyMesh", seconds=QUIET_SECONDS)
    for case in cases:
        await eventually(case.has_no_active_child, f"{case.name} is at rest")


async def _delivered_what_was_asked(case: Case) -> None:
    """No update is lost: the last spec is what the status is about, and pods have done their work for it."""
    job = await case.get()
    spec = ReconstructionJobSpec.model_validate(job["spec"])
    wanted = {need.resource_class.value: need.digest for need in needs_of(spec)}
    assert {run["resourceClass"]: run["digest"] for run in job["status"]["runs"]} == wanted
    assert all(run["completed"] for run in job["status"]["runs"])
    assert {stage["state"] for stage in job["status"]["stages"]} == {"Succeeded"}
    orders = [order for order in case.kubelet.seen if order.name == case.name]
    for resource_class, digest in wanted.items():
        done = [needs_of(order.spec) for order in orders if order.resource_class == resource_class]
        assert digest in {need.digest for needs in done for need in needs}, resource_class
