"""What a new process of the operator asks the API server for."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.fake_kubelet import RUNS_ON, kubelet_for, well
from harness.operator_process import eventually
from harness.workbench import API, JobUnderTest, workbench
from reconstruction_api.names import LABEL_JOB
from reconstruction_operator import paths
from reconstruction_operator.head_start import jobs_that_go_on
from reconstruction_operator.informer import Kind
from reconstruction_operator.model import JobKey
from reconstruction_operator.store import Store, parse_pod

pytestmark = pytest.mark.cluster


async def test_jobs_that_go_on_are_selected_by_the_server_with_what_is_theirs(kubeconfig: Path, tmp_path: Path) -> None:
    async with workbench(kubeconfig, tmp_path / "log") as work, kubelet_for(kubeconfig) as kubelet:
        kubelet.scripts["runs"] = lambda _: RUNS_ON
        await work.create_profile()
        ended, runs = JobUnderTest(work, "ended"), JobUnderTest(work, "runs")
        await ended.create()
        await runs.create()
        await ended.until("Succeeded")
        await runs.until("Admitted", reason="Running")

        store = Store()
        pods = Kind("pods", parse_pod, store.upsert_pod, store.forget_pod, store.present_pods)
        [found] = await jobs_that_go_on(work.kube, [work.namespace], [(pods, "/api/v1")])
        assert found["metadata"]["name"] == "runs"
        assert len(store.pods(JobKey(work.namespace, "runs"), found["metadata"]["uid"])) == 1
        assert not store.pods(JobKey(work.namespace, "ended"), (await ended.get())["metadata"]["uid"])


async def test_a_streamed_listing_is_what_pages_are(kubeconfig: Path, tmp_path: Path) -> None:
    async with workbench(kubeconfig, tmp_path / "log") as work, kubelet_for(kubeconfig) as kubelet:
        kubelet.otherwise = well
        await work.create_profile()
        jobs = [JobUnderTest(work, f"job-{number}") for number in range(3)]
        for job in jobs:
            await job.create()
        for job in jobs:
            await job.until("Succeeded")
        for path, selector in ((paths.child_jobs(work.namespace), LABEL_JOB), (paths.claims(work.namespace), LABEL_JOB),
                               (f"{API}/namespaces/{work.namespace}/reconstructionjobs", "")):  # fmt: skip
            parts = [page async for page in work.kube.pages(path, selector)]
            streamed = [item["metadata"]["uid"] for part in parts for item in part["items"]]
            listed = [item["metadata"]["uid"] async for item in work.kube.list(path, selector)]
            assert sorted(streamed) == sorted(listed) and len(listed) >= 3
            assert int(parts[-1]["metadata"]["resourceVersion"]) > 0
        assert work.kube._streams, "this API server streams"


async def test_a_job_that_came_while_no_operator_ran_starts_and_one_that_ended_stays_as_it_is(
    kubeconfig: Path, tmp_path: Path
) -> None:
    async with workbench(kubeconfig, tmp_path / "log") as work, kubelet_for(kubeconfig):
        await work.create_profile()
        ended, late = JobUnderTest(work, "ended"), JobUnderTest(work, "late")
        await ended.create()
        before = await ended.until("Succeeded")
        work.operator.kill()
        await late.create()
        work.operator.start()
        await late.until("Succeeded", seconds=60)

        async def looked_at() -> bool:
            return (await ended.get())["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]

        assert await looked_at()
        known = {child["metadata"]["name"] for child in await ended.children()}
        await ended.change(exports=[{"format": "OBJ"}])

        async def runs_again() -> bool:
            return any(child["metadata"]["name"] not in known for child in await ended.children())

        await eventually(runs_again, "the changed job runs again")
