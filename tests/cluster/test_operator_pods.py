"""The operator with a real kubelet: restricted pods, projected tokens, signals, memory limits. The worker is a stub."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from devcluster.versions import NODE_IP

from .operator_process import eventually, free_port
from .workbench import API, JobUnderTest, Workbench, conditions, workbench

pytestmark = [pytest.mark.node, pytest.mark.usefixtures("kubernetes_tools")]

STUB = Path(__file__).parent / "stub_worker"
WAITS, EATS_MEMORY = 1, 2


@pytest.fixture
async def work(node_kubeconfig: Path, python_image: str, tmp_path: Path) -> AsyncIterator[Workbench]:
    """An operator that pods can reach, and a ClusterReconstructionProfile whose pods run the stub from the host."""
    port = str(free_port())
    address = f"http://{NODE_IP}:{port}"
    async with workbench(
        node_kubeconfig, tmp_path / "operator.log", http_host="0.0.0.0", http_port=port, progress_url=address
    ) as made:
        profile = f"stub-{secrets.token_hex(4)}"
        await made.kube.create(f"{API}/clusterreconstructionprofiles", _profile(profile, python_image))
        made.profile = profile
        yield made
        await made.kube.request("DELETE", f"{API}/clusterreconstructionprofiles/{profile}")


def _profile(name: str, image: str) -> dict[str, Any]:
    limits = {"limits": {"memory": "64Mi"}}
    return {
        "apiVersion": "reconstruction.dev/v1alpha1",
        "kind": "ClusterReconstructionProfile",
        "metadata": {"name": name},
        "spec": {
            "engines": [{"name": "nerfacto", "image": image}],
            "imagePullPolicy": "Never",
            "workspace": {"size": "1Gi"},
            "sharedMemory": "16Mi",
            "cpu": limits,
            "gpu": limits,
            "terminationGraceSeconds": 10,
            "hostPaths": [{"path": str(STUB), "mountPath": "/stub"}],
            "environment": {"PYTHONPATH": "/stub"},
        },
    }


async def test_real_pods_share_a_workspace_report_over_http_and_end_the_job(work: Workbench) -> None:
    case = JobUnderTest(work, "statue")
    await case.create()
    job = await case.until("Succeeded", seconds=90)
    metrics = job["status"]["metrics"]
    assert metrics["visits"].split() == ["prepare", "reconstruct", "deliver"]
    assert metrics["answers"] == "200 401 403", "its own update, a forged token, another job's name"


async def test_suspending_lets_a_real_pod_save_its_work_and_resuming_goes_on(work: Workbench) -> None:
    case = JobUnderTest(work, "statue")
    await case.create(training={"seed": WAITS})

    async def trains() -> bool:
        return (await case.get()).get("status", {}).get("progress", {}).get("stagePercent") == 50

    await eventually(trains, "the live update is in the status", seconds=60)
    assert (await case.get())["status"]["stage"] in ("ingest", "train")
    await case.until("Trained", "False", "Running", seconds=60)
    await case.change(suspend=True)
    await case.until("Suspended")
    await eventually(case.has_no_active_child, "the pod has stopped", seconds=30)
    await case.change(suspend=False, training={"seed": 3})
    job = await case.until("Succeeded", seconds=90)
    assert {run["failures"] for run in job["status"]["runs"]} == {0}


async def test_a_pod_beyond_its_memory_limit_is_out_of_memory(work: Workbench) -> None:
    case = JobUnderTest(work, "statue")
    await case.create(training={"seed": EATS_MEMORY}, retryPolicy={"maxAttempts": 1})
    job = await case.until("Succeeded", "False", "HostOutOfMemory", seconds=90)
    assert conditions(job)["PosesEstimated"]["status"] == "True"
