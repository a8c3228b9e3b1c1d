"""What a job says while it does not get what it needs, with the real scheduler, quota and volume controllers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from harness.fake_kubelet import kubelet_for
from harness.operator_process import eventually
from harness.workbench import JobUnderTest, Workbench, conditions, workbench

pytestmark = pytest.mark.cluster


async def tells(case: JobUnderTest, reason: str, *words: str) -> None:
    """Admitted gets this reason and a message with these words; the job has not failed."""

    async def says() -> bool:
        found = conditions(await case.get()).get("Admitted", {})
        return found.get("reason") == reason and all(each in found["message"] for each in words)

    await eventually(says, f"{case.name} tells {reason} {words}")
    found = conditions(await case.get())
    assert (found["Admitted"]["status"], found["Reconciling"]["status"], found["Stalled"]["status"]) == (
        "False",
        "True",
        "False",
    )


async def until_warned(case: JobUnderTest, reason: str) -> None:
    async def warned() -> bool:
        events = await case.work.listed("/apis/events.k8s.io/v1/.../events")
        return any(e["regarding"]["name"] == case.name and e["reason"] == reason for e in events)

    await eventually(warned, f"an Event {reason}")


async def no_gpu(work: Workbench) -> None:
    await work.create_profile("gpu", gpu={"limits": {"nvidia.com/gpu": 1}})
    case = JobUnderTest(work, "no-gpu")
    await case.create(profileName="gpu")
    await tells(case, "GPUUnavailable", "Insufficient nvidia.com/gpu", "spec.training.device")
    await until_warned(case, "GPUUnavailable")


async def no_service_account(work: Workbench) -> None:
    await work.create_profile("account", serviceAccountName="missing")
    case = JobUnderTest(work, "no-account")
    await case.create(profileName="account")
    await tells(case, "CreationRefused", 'serviceaccount "missing" not found')


async def no_storage_class(work: Workbench) -> None:
    await work.create_profile("storage", workspace={"size": "1Gi", "storageClassName": "missing"})
    case = JobUnderTest(work, "no-volume")
    await case.create(profileName="storage")
    await tells(case, "VolumeUnavailable", 'storageclass.storage.k8s.io "missing" not found')


async def impossible_resources(work: Workbench) -> None:
    await work.create_profile("wrong", cpu={"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}})
    case = JobUnderTest(work, "impossible")
    await case.create(profileName="wrong")
    await tells(case, "CreationRefused", "must be less than or equal to memory limit")


async def test_a_job_says_what_the_cluster_lacks(kubeconfig: Path, tmp_path: Path) -> None:
    async with workbench(kubeconfig, tmp_path / "log") as work, kubelet_for(kubeconfig):
        await asyncio.gather(no_gpu(work), no_service_account(work), no_storage_class(work), impossible_resources(work))


@pytest.mark.parametrize(
    ("resource", "words"),
    [("count/jobs.batch", "count/jobs.batch=1"), ("pods", "pods=1"), ("requests.storage", "requests.storage=1Gi")],
)
async def test_a_used_up_quota_is_waited_for(kubeconfig: Path, tmp_path: Path, resource: str, words: str) -> None:
    async with workbench(kubeconfig, tmp_path / "log") as work, kubelet_for(kubeconfig):
        await work.create_profile()
        quotas = f"/api/v1/namespaces/{work.namespace}/resourcequotas"
        await work.kube.create(quotas, {"metadata": {"name": "team"}, "spec": {"hard": {resource: "0"}}})

        async def counts() -> bool:
            return "hard" in (await work.kube.get(f"{quotas}/team"))["status"]

        await eventually(counts, "the quota counts")
        case = JobUnderTest(work, "statue")
        await case.create()
        await tells(case, "QuotaExceeded", "exceeded quota: team", words)
        await work.kube.request("DELETE", f"{quotas}/team")
        job = await case.until("Succeeded")
        assert {run["failures"] for run in job["status"]["runs"]} == {0}
