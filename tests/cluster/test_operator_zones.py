"""Volumes that only some nodes reach: one zone has CPUs, the other the GPU."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.fake_kubelet import FakeKubelet
from harness.operator_process import eventually
from harness.workbench import JobUnderTest, Workbench, conditions, workbench
from reconstruction_operator.kube import ApiError, Kube, load_configuration

pytestmark = pytest.mark.cluster

ZONE = "topology.kubernetes.io/zone"
CLASS = "zonal"
GPU: dict[str, Any] = {
    "limits": {"nvidia.com/gpu": "1"},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
}
GPU_TAINTS = [{"key": "nvidia.com/gpu", "effect": "NoSchedule", "value": "present"}]
MERGE = "application/strategic-merge-patch+json"


@asynccontextmanager
async def two_zones(
    kubeconfig: Path, work: Workbench, *, gpus: int = 1, volumes: int = 1
) -> AsyncIterator[list[FakeKubelet]]:
    """Node cpu-a in zone a without a GPU, gpu-b in zone b with GPUs and a taint; volumes in each zone."""
    kube, nodes = work.kube, {"cpu-a": "a", "gpu-b": "b"}
    kubelets = [
        FakeKubelet(kube, await load_configuration(str(kubeconfig)), namespace=work.namespace, node=name)
        for name in nodes
    ]
    tasks = [asyncio.create_task(kubelet.run()) for kubelet in kubelets]
    made = {f"{work.namespace}-{zone}-{number}": zone for zone in nodes.values() for number in range(volumes)}
    try:
        for name, zone in nodes.items():
            await eventually(lambda name=name: _ready(kube, name), f"node {name}")
            await kube.request(
                "PATCH",
                f"/api/v1/nodes/{name}",
                content_type=MERGE,
                body={"metadata": {"labels": {ZONE: zone, "pool": name}}},
            )
        await kubelets[1].set_taints(GPU_TAINTS)
        device = {"nvidia.com/gpu": f"{gpus}"}
        await kube.request(
            "PATCH",
            "/api/v1/nodes/gpu-b/status",
            content_type=MERGE,
            body={"status": {"capacity": device, "allocatable": device}},
        )
        with contextlib.suppress(ApiError):
            await kube.create(
                "/apis/storage.k8s.io/v1/storageclasses",
                {
                    "metadata": {"name": CLASS},
                    "provisioner": "kubernetes.io/no-provisioner",
                    "volumeBindingMode": "WaitForFirstConsumer",
                },
            )
        for name, zone in made.items():
            await kube.create("/api/v1/persistentvolumes", _volume(name, zone))
        yield kubelets
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for path in [f"/api/v1/nodes/{name}" for name in nodes] + [f"/api/v1/persistentvolumes/{v}" for v in made]:
            with contextlib.suppress(ApiError):
                await kube.request("DELETE", path)


async def _ready(kube: Kube, node: str) -> bool:
    with contextlib.suppress(ApiError):
        found = await kube.get(f"/api/v1/nodes/{node}")
        conditions = found.get("status", {}).get("conditions", [])
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return False


def _volume(name: str, zone: str) -> dict[str, Any]:
    term = {"matchExpressions": [{"key": ZONE, "operator": "In", "values": [zone]}]}
    return {
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "10Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": CLASS,
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": "/nonexistent"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}},
        },
    }


async def nodes_of(job: JobUnderTest) -> dict[str, str]:
    """The node of each resource class's pod."""
    return {
        pod["metadata"]["labels"]["reconstruction.dev/resource-class"]: pod["spec"].get("nodeName", "")
        for pod in await job.children("/api/v1/.../pods")
    }


async def test_the_first_pod_makes_the_volume_where_the_gpu_is(kubeconfig: Path, tmp_path: Path) -> None:
    async with workbench(kubeconfig, tmp_path / "log") as work, two_zones(kubeconfig, work):
        gpu = GPU | {"nodeSelector": {"pool": "gpu-b"}}
        await work.create_profile(workspace={"size": "1Gi", "storageClassName": CLASS}, gpu=gpu)
        job = JobUnderTest(work, "statue")
        await job.create()
        done = await job.until("Succeeded", seconds=60)
        assert "abandonedWorkspace" not in done["status"]
        assert {"prepare": "gpu-b", "reconstruct": "gpu-b"}.items() <= (await nodes_of(job)).items()


async def test_a_volume_beside_no_gpu_is_named_and_given_up(kubeconfig: Path, tmp_path: Path) -> None:
    """The profile does not say where GPUs are, and the photos are prepared where none is."""
    async with workbench(kubeconfig, tmp_path / "log") as work, two_zones(kubeconfig, work):
        cpu = {"nodeSelector": {"pool": "cpu-a"}}
        await work.create_profile(workspace={"size": "1Gi", "storageClassName": CLASS}, gpu=GPU, cpu=cpu)
        job = JobUnderTest(work, "statue")
        await job.create()

        async def elsewhere() -> str | None:
            admitted = conditions(await job.get()).get("Admitted", {})
            return admitted["message"] if "(zone a)" in admitted.get("message", "") else None

        said = await eventually(elsewhere, "the volume's zone in the message", 60)
        assert "can't be reached from the nodes that could run the pod" in said
        done = await job.until("Succeeded", seconds=120)
        assert done["status"]["abandonedWorkspace"]
        assert {"prepare": "gpu-b", "reconstruct": "gpu-b"}.items() <= (await nodes_of(job)).items()
