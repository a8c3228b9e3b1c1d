"""The workspace's volume claim: copied, restored, lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.fake_kubelet import RUNS_ON, kubelet_for, well
from harness.operator_process import eventually
from harness.workbench import JobUnderTest, Workbench, conditions, workbench
from reconstruction_api.names import LABEL_JOB, LABEL_JOB_UID
from reconstruction_operator import paths
from reconstruction_operator.kube import MERGE_PATCH

pytestmark = pytest.mark.cluster
CLAIMS = "/api/v1/.../persistentvolumeclaims"


async def stage(job: JobUnderTest, name: str) -> bool:
    return (await job.get()).get("status", {}).get("stage") == name


async def claim_of(work: Workbench, name: str = "statue-workspace") -> dict[str, Any] | None:
    return next((each for each in await work.listed(CLAIMS) if each["metadata"]["name"] == name), None)


async def test_a_copy_of_the_claim_may_come_and_go(kubeconfig: Path, tmp_path: Path) -> None:
    async with workbench(kubeconfig, tmp_path / "log") as work, kubelet_for(kubeconfig) as kubelet:
        kubelet.scripts["statue"] = lambda job: well(job) if job.resource_class == "prepare" else RUNS_ON
        await work.create_profile()
        job, other = JobUnderTest(work, "statue"), JobUnderTest(work, "other")
        await job.create()
        await eventually(lambda: stage(job, "train"), "training", 40)
        await job.until("Admitted", reason="Running")
        mine = await claim_of(work)
        assert mine is not None
        metadata = {key: mine["metadata"][key] for key in ("labels", "ownerReferences")}
        spec = {key: value for key, value in mine["spec"].items() if key != "volumeName"}
        copy = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": metadata | {"name": "copy"},
            "spec": spec,
        }
        await work.kube.create(paths.claims(work.namespace), copy)
        await work.kube.request("DELETE", f"{paths.claims(work.namespace)}/copy")
        before = (await job.get())["status"]["runs"]
        await other.create()
        await other.until("Succeeded", seconds=40)  # everything that the copy may have set off has happened
        after = await job.get()
        assert after["status"]["runs"] == before and conditions(after)["Admitted"]["reason"] == "Running"


async def test_a_restored_workspace_becomes_the_restored_jobs(kubeconfig: Path, tmp_path: Path) -> None:
    """As a backup tool restores it: with name and labels, without its owner, and the job has another uid."""
    async with workbench(kubeconfig, tmp_path / "log") as work, kubelet_for(kubeconfig):
        await work.create_profile()
        labels = {LABEL_JOB: "statue", LABEL_JOB_UID: "the-uid-before"}
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "statue-workspace", "labels": labels},
            "spec": spec,
        }
        restored = await work.kube.create(paths.claims(work.namespace), claim)
        job = JobUnderTest(work, "statue")
        await job.create()
        done = await job.until("Succeeded", seconds=60)
        kept = await claim_of(work)
        assert kept is not None and kept["metadata"]["uid"] == restored["metadata"]["uid"]
        [owner] = kept["metadata"]["ownerReferences"]
        assert owner["uid"] == done["metadata"]["uid"] == kept["metadata"]["labels"][LABEL_JOB_UID]


async def test_a_lost_volume_is_told_and_replaced(kubeconfig: Path, tmp_path: Path) -> None:
    async with workbench(kubeconfig, tmp_path / "log") as work, kubelet_for(kubeconfig) as kubelet:
        kubelet.scripts["statue"] = lambda job: well(job).lasting(3) if job.resource_class == "prepare" else well(job)
        await work.create_profile()
        job = JobUnderTest(work, "statue")
        await job.create()

        async def volume() -> str:
            found = await claim_of(work)
            return found["spec"].get("volumeName", "") if found else ""

        name = await eventually(volume, "a bound volume", 40)
        first = await claim_of(work)
        path = paths.volume(name)
        await work.kube.request("DELETE", path)
        await work.kube.request("PATCH", path, body={"metadata": {"finalizers": None}}, content_type=MERGE_PATCH)
        await job.until("Succeeded", seconds=90)
        last = await claim_of(work)
        assert first is not None and last is not None and first["metadata"]["uid"] != last["metadata"]["uid"]

        async def told() -> bool:
            events = await work.listed("/apis/events.k8s.io/v1/.../events")
            return any(each.get("reason") == "WorkspaceLost" for each in events)

        await eventually(told, "an Event about it", 20)
