"""The operator with a real kubelet: restricted pods, projected tokens, signals, memory limits. The worker is a stub."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from harness.operator_process import eventually
from harness.workbench import JobUnderTest, Workbench, conditions

from .stub_bench import EATS_MEMORY, WAITS, stub_workbench

pytestmark = [pytest.mark.node, pytest.mark.usefixtures("kubernetes_tools")]


@pytest.fixture
async def work(node_kubeconfig: Path, python_image: str, tmp_path: Path) -> AsyncIterator[Workbench]:
    async with stub_workbench(node_kubeconfig, python_image, tmp_path / "operator.log") as made:
        yield made


async def test_real_pods_share_a_workspace_report_over_http_and_end_the_job(work: Workbench) -> None:
    case = JobUnderTest(work, "statue")
    await case.create()
    job = await case.until("Succeeded")
    metrics = job["status"]["metrics"]
    assert metrics["visits"].split() == ["prepare", "reconstruct", "deliver"]
    assert metrics["answers"] == "200 401 403 403", "its own update, a forged token, another job's, another tenant's"
    assert metrics["apiServer"] == 401, "the token is good for the progress endpoint only"


async def test_a_pod_that_renders_starts_without_its_camera_path_and_sees_that_entry_alone_once_it_is_there(
    work: Workbench,
) -> None:
    case = JobUnderTest(work, "statue")
    file = {"configMapName": "tour", "key": "tour.json"}
    await case.create(turntable={"path": "File", "pathFile": file})
    assert (await case.until("Succeeded"))["status"]["metrics"]["cameraPath"] == "none"
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "tour"}}
    data = {"data": {"tour.json": "[1, 2]", "another": "x"}}
    await work.kube.create(f"/api/v1/namespaces/{work.namespace}/configmaps", config | data)
    await case.change(redo={"render": 1})
    assert (await case.until("Succeeded"))["status"]["metrics"]["cameraPath"] == "tour.json=[1, 2]"


async def test_suspending_lets_a_real_pod_save_its_work_and_resuming_goes_on(work: Workbench) -> None:
    case = JobUnderTest(work, "statue")
    await case.create(training={"seed": WAITS})

    async def trains() -> bool:
        return (await case.get()).get("status", {}).get("progress", {}).get("stagePercent") == 50

    await eventually(trains, "the live update is in the status")
    assert (await case.get())["status"]["stage"] in ("ingest", "train")
    await case.until("Trained", "False", "Running")
    await case.change(suspend=True)
    await case.until("Suspended")
    await eventually(case.has_no_active_child, "the pod has stopped")
    await case.change(suspend=False, training={"seed": 3})
    job = await case.until("Succeeded")
    assert {run["failures"] for run in job["status"]["runs"]} == {0}


async def test_a_pod_beyond_its_memory_limit_is_out_of_memory(work: Workbench) -> None:
    case = JobUnderTest(work, "statue")
    await case.create(training={"seed": EATS_MEMORY}, retryPolicy={"maxAttempts": 1})
    job = await case.until("Succeeded", "False", "HostOutOfMemory")
    assert conditions(job)["PosesEstimated"]["status"] == "True"
