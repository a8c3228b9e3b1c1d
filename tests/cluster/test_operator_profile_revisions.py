"""The profile that a job was accepted with, in a ControllerRevision of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.fake_kubelet import RUNS_ON, Ending, kubelet_for, well
from harness.operator_process import eventually
from harness.workbench import API, JobUnderTest, Workbench, conditions, workbench
from reconstruction_api.worker import WorkerJob
from reconstruction_operator import paths
from reconstruction_operator.kube import MERGE_PATCH

pytestmark = pytest.mark.cluster


def trains_on(job: WorkerJob) -> Ending:
    return well(job) if job.resource_class == "prepare" else RUNS_ON


async def revisions(work: Workbench) -> list[dict[str, Any]]:
    return await work.listed("/apis/apps/v1/.../controllerrevisions")


async def edit_profile(work: Workbench) -> None:
    path = f"{API}/namespaces/{work.namespace}/reconstructionprofiles/{work.profile}"
    spec = {"spec": {"engines": [{"name": "nerfacto", "image": "worker:edited"}]}}
    await work.kube.request("PATCH", path, body=spec, content_type=MERGE_PATCH)


async def images(job: JobUnderTest) -> set[str]:
    return {each["spec"]["template"]["spec"]["containers"][0]["image"] for each in await job.children()}


async def test_an_edited_profile_reaches_no_job_that_runs_not_even_after_a_restart(
    kubeconfig: Path, tmp_path: Path
) -> None:
    async with workbench(kubeconfig, tmp_path / "log") as work, kubelet_for(kubeconfig) as kubelet:
        kubelet.scripts["statue"] = lambda job: well(job).lasting(4 if job.resource_class == "prepare" else 0)
        await work.create_profile()
        job = JobUnderTest(work, "statue")
        await job.create()
        running = await job.until("Admitted", reason="Running")
        kept = running["status"]["profileRevision"]
        [revision] = await revisions(work)
        assert revision["metadata"]["name"] == kept["revision"]
        assert revision["metadata"]["ownerReferences"][0]["uid"] == running["metadata"]["uid"]
        assert "profile" not in running["status"]

        work.operator.kill()
        await edit_profile(work)
        work.operator.start()
        done = await job.until("Succeeded", seconds=60)
        assert await images(job) == {"worker:test"}
        assert done["status"]["profileRevision"] == kept and len(await revisions(work)) == 1

        await work.kube.request("DELETE", job.path)

        async def collected() -> bool:
            return not await revisions(work)

        await eventually(collected, "the revision goes with its job")


@pytest.mark.parametrize("what", ["deleted", "replaced"])
async def test_a_revision_that_a_tenant_takes_away_is_told_and_no_pod_is_stopped(
    kubeconfig: Path, tmp_path: Path, what: str
) -> None:
    async with workbench(kubeconfig, tmp_path / "log") as work, kubelet_for(kubeconfig) as kubelet:
        kubelet.scripts["statue"] = trains_on
        await work.create_profile()
        job = JobUnderTest(work, "statue")
        await job.create()
        running = await job.until("PosesEstimated")
        running = await job.until("Admitted", reason="Running")

        work.operator.kill()
        await edit_profile(work)
        [revision] = await revisions(work)
        path = f"{paths.revisions(work.namespace)}/{revision['metadata']['name']}"
        await work.kube.request("DELETE", path)
        if what == "replaced":
            forged = revision["data"]["profile"] | {
                "spec": {"engines": [{"name": "nerfacto", "image": "worker:forged"}]}
            }
            metadata = {name: revision["metadata"][name] for name in ("name", "labels", "ownerReferences")}
            body = revision | {"metadata": metadata, "data": {"profile": forged}}
            await work.kube.create(paths.revisions(work.namespace), body)
        work.operator.start()
        told = await job.until("Accepted", reason="ProfileRevisionLost")
        assert revision["metadata"]["name"] in conditions(told)["Accepted"]["message"]
        assert told["status"]["profileRevision"]["digest"] != running["status"]["profileRevision"]["digest"]
        after = await job.until("Admitted", reason="Running")
        assert after["status"]["runs"] == running["status"]["runs"]
        events = await work.listed("/apis/events.k8s.io/v1/.../events")
        assert [each["type"] for each in events if each["reason"] == "ProfileRevisionLost"] == ["Warning"]


async def test_where_no_revision_may_be_made_the_profile_stays_in_the_status(kubeconfig: Path, tmp_path: Path) -> None:
    async with workbench(kubeconfig, tmp_path / "log") as work, kubelet_for(kubeconfig):
        quota = {"metadata": {"name": "none"}, "spec": {"hard": {"count/controllerrevisions.apps": "0"}}}
        await work.kube.create(f"/api/v1/namespaces/{work.namespace}/resourcequotas", quota)

        async def counted() -> bool:
            [found] = await work.listed("/api/v1/.../resourcequotas")
            return "hard" in found.get("status", {})

        await eventually(counted, "the quota counts")
        await work.create_profile()
        job = JobUnderTest(work, "statue")
        await job.create()
        done = await job.until("Succeeded", seconds=60)
        assert done["status"]["profile"]["spec"]["engines"][0]["image"] == "worker:test"
        assert "profileRevision" not in done["status"] and not await revisions(work)
