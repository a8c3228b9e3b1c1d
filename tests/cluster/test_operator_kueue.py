"""Jobs in a queue of the real Kueue: admitted one after the other, and told so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devcluster.cluster import Cluster
from harness.fake_kubelet import RUNS_ON, kubelet_for, well
from harness.operator_process import eventually
from harness.workbench import JobUnderTest, Workbench, conditions, workbench

from .fixtures import GIVEN_KUBECONFIG

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

KUEUE = "/apis/kueue.x-k8s.io/v1beta2"
CPU: dict[str, Any] = {"requests": {"cpu": "1", "memory": "64Mi"}, "limits": {"memory": "64Mi"}}


@pytest.fixture(scope="module")
def kueue(kubeconfig: Path, kubernetes_tools: Path) -> Iterator[Path]:
    """A cluster with Kueue: the tests' own, or the given one where Kueue is installed."""
    del kubernetes_tools
    if not os.environ.get(GIVEN_KUBECONFIG):
        if os.environ.get("KUBEBUILDER_ASSETS"):
            pytest.skip("Kueue needs the controllers of Kubernetes")
        Cluster(kubeconfig.parent.name).add_kueue()
    yield kubeconfig


async def queue_for_one_pod(work: Workbench) -> None:
    """LocalQueue `captures` of the namespace, with quota for one of the pods of CPU."""
    flavor, cluster_queue = f"flavor-{work.namespace}", f"queue-{work.namespace}"
    quotas = [{"name": "cpu", "nominalQuota": "1"}, {"name": "memory", "nominalQuota": "1Gi"}]
    groups = [{"coveredResources": ["cpu", "memory"], "flavors": [{"name": flavor, "resources": quotas}]}]
    await work.kube.create(f"{KUEUE}/resourceflavors", _object("ResourceFlavor", flavor, {}))
    spec = {"namespaceSelector": {}, "resourceGroups": groups, "queueingStrategy": "BestEffortFIFO"}
    await work.kube.create(f"{KUEUE}/clusterqueues", _object("ClusterQueue", cluster_queue, spec))
    local = _object("LocalQueue", "captures", {"clusterQueue": cluster_queue})
    await work.kube.create(f"{KUEUE}/namespaces/{work.namespace}/localqueues", local)


def _object(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": kind, "metadata": {"name": name}, "spec": spec}


async def test_with_quota_for_one_job_the_second_waits_says_so_and_then_runs(kueue: Path, tmp_path: Path) -> None:
    async with workbench(kueue, tmp_path / "log") as work, kubelet_for(kueue) as kubelet:
        await queue_for_one_pod(work)
        await work.create_profile(queueNames=["captures"], cpu=CPU, gpu=CPU)
        first, second = JobUnderTest(work, "first"), JobUnderTest(work, "second")
        kubelet.scripts["first"] = lambda _: RUNS_ON
        await first.create()
        await first.until("Admitted", "True", "Running")
        child = (await first.children())[0]
        assert child["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "captures"

        await second.create(queueName="captures")
        await second.until("Admitted", "False", "Queued")

        async def says_why() -> bool:
            return "insufficient unused quota for cpu" in conditions(await second.get())["Admitted"]["message"]

        await eventually(says_why, "Kueue's words")
        assert await second.children("/api/v1/.../pods") == []
        assert await second.children("/api/v1/.../persistentvolumeclaims") == []
        assert "workspaceClaim" not in (await second.get())["status"]

        kubelet.scripts["first"] = well
        await work.kube.request("DELETE", first.path)
        job = await second.until("Succeeded")
        assert {run["failures"] for run in job["status"]["runs"]} == {0}


async def test_a_queue_that_does_not_exist_is_named(kueue: Path, tmp_path: Path) -> None:
    async with workbench(kueue, tmp_path / "log") as work:
        await work.create_profile(queueNames=["missing"], cpu=CPU)
        case = JobUnderTest(work, "statue")
        await case.create()

        async def says_why() -> bool:
            found = conditions(await case.get()).get("Admitted", {})
            known = found.get("reason") == "QueueNotAdmitting"
            return known and "LocalQueue missing doesn't exist" in found["message"]

        await eventually(says_why, "Kueue's words")


async def test_a_pod_that_is_larger_than_the_whole_quota_is_told(kueue: Path, tmp_path: Path) -> None:
    async with workbench(kueue, tmp_path / "log") as work:
        await queue_for_one_pod(work)
        large = CPU | {"requests": {"cpu": "3", "memory": "64Mi"}}
        await work.create_profile(queueNames=["captures"], cpu=large)
        case = JobUnderTest(work, "statue")
        await case.create()
        job = await case.until("Admitted", "False", "QueueNotAdmitting")
        assert "maximum capacity (1)" in conditions(job)["Admitted"]["message"]
