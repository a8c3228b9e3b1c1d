"""The operator's process against a real API server, scheduler and Job controller; only the kubelet is a fake."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconstruction_operator.kube import load_configuration

from .fake_kubelet import DISRUPTED, RUNS_ON, FakeKubelet, badly, well
from .operator_process import eventually
from .workbench import API, Workbench, conditions, workbench

pytestmark = pytest.mark.cluster


@dataclass
class Bench:
    """A workbench whose pods a fake kubelet runs."""

    work: Workbench
    kubelet: FakeKubelet

    async def has_started(self, pods: int) -> bool:
        return len(self.kubelet.seen) >= pods

    def classes(self) -> list[str]:
        """Resource classes of all pods that were started."""
        return [order.resource_class.value for order in self.kubelet.seen]


@pytest.fixture
async def bench(kubeconfig: Path, tmp_path: Path) -> AsyncIterator[Bench]:
    async with workbench(kubeconfig, tmp_path / "operator.log") as work:
        kubelet = FakeKubelet(work.kube, await load_configuration(str(kubeconfig)))
        running = asyncio.create_task(kubelet.run())
        try:
            yield Bench(work, kubelet)
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


async def test_a_job_runs_its_three_classes_one_after_the_other_and_succeeds(bench: Bench) -> None:
    await bench.work.create_profile()
    await bench.work.create_job()
    job = await bench.work.until("Succeeded")
    status = job["status"]
    assert bench.classes() == ["prepare", "reconstruct", "deliver"]
    assert [stage["state"] for stage in status["stages"]] == ["Succeeded"] * 8
    assert status["progress"]["percent"] == 100
    assert status["metrics"]["psnr"] == "27.31"
    assert [artifact["name"] for artifact in status["artifacts"]] == ["model.glb"]
    expected = {"Accepted": "True", "PosesEstimated": "True", "Trained": "True", "Exported": "True",
                "Validated": "True", "Reconciling": "False", "Stalled": "False"}  # fmt: skip
    assert {name: conditions(job)[name]["status"] for name in expected} == expected


async def test_killing_the_operator_at_every_step_changes_nothing(bench: Bench) -> None:
    await bench.work.create_profile()
    await bench.work.create_job()
    for classes_seen in (1, 2, 3):
        await eventually(lambda n=classes_seen: bench.has_started(n), f"pod {classes_seen}")
        bench.work.operator.kill()
        bench.work.operator.start()
    await bench.work.until("Succeeded")
    assert bench.classes() == ["prepare", "reconstruct", "deliver"]
    assert len(await bench.work.children()) == 3


async def test_a_job_waits_for_its_profile_and_says_which_ones_there_are(bench: Bench) -> None:
    await bench.work.create_profile("production")
    await bench.work.create_job()
    job = await bench.work.until("Accepted", "False", "ProfileNotFound")
    assert "production" in conditions(job)["Accepted"]["message"]
    await bench.work.create_profile()
    await bench.work.until("Succeeded")


async def test_a_permanent_failure_ends_the_job_and_a_changed_spec_runs_it_again(bench: Bench) -> None:
    bench.kubelet.script = lambda job: badly("LowRegistration", "5 of 40 photos")
    await bench.work.create_profile()
    await bench.work.create_job()
    job = await bench.work.until("Succeeded", "False", "LowRegistration")
    assert job["status"]["failure"]["suggestion"]
    assert conditions(job)["Stalled"]["status"] == "True"
    bench.kubelet.script = well
    await bench.work.change(poses={"minRegisteredPercent": 10})
    await bench.work.until("Succeeded")


async def test_a_passing_failure_is_tried_again_after_a_pause(bench: Bench) -> None:
    bench.kubelet.script = lambda job: well(job) if job.attempt > 1 else badly("ArtifactStoreError", "try later")
    await bench.work.create_profile()
    await bench.work.create_job(retryPolicy={"backoffSeconds": 1})
    job = await bench.work.until("Succeeded")
    assert {run["attempt"] for run in job["status"]["runs"]} == {2}
    assert {run["failures"] for run in job["status"]["runs"]} == {1}


async def test_a_preempted_pod_is_replaced_within_its_attempt(bench: Bench) -> None:
    def script(job):
        first = sum(order.resource_class == "reconstruct" for order in bench.kubelet.seen) == 1
        return DISRUPTED if job.resource_class == "reconstruct" and first else well(job)

    bench.kubelet.script = script
    await bench.work.create_profile()
    await bench.work.create_job()
    job = await bench.work.until("Succeeded")
    assert bench.classes().count("reconstruct") == 2
    assert {run["attempt"] for run in job["status"]["runs"]} == {1}
    assert len(await bench.work.children()) == 3


async def test_suspending_frees_the_pod_and_resuming_starts_it_again(bench: Bench) -> None:
    bench.kubelet.script = lambda job: RUNS_ON if job.resource_class == "reconstruct" else well(job)
    await bench.work.create_profile()
    await bench.work.create_job()
    await bench.work.until("Admitted", reason="Running")
    await eventually(lambda: bench.has_started(2), "training runs")
    await bench.work.change(suspend=True)
    await bench.work.until("Suspended")
    await eventually(bench.work.has_no_active_child, "the child Job is gone")
    bench.kubelet.script = well
    await bench.work.change(suspend=False)
    job = await bench.work.until("Succeeded")
    assert job["status"]["runs"][1]["interruptions"] == 1
    assert job["status"]["runs"][1]["failures"] == 0


async def test_changed_exports_run_only_the_delivery_again(bench: Bench) -> None:
    await bench.work.create_profile()
    await bench.work.create_job()
    await bench.work.until("Succeeded")
    await bench.work.change(exports=[{"format": "GLB"}, {"format": "OBJ"}])
    job = await bench.work.until("Succeeded")
    assert bench.classes() == ["prepare", "reconstruct", "deliver", "deliver"]
    assert job["status"]["metrics"]["psnr"] == "27.31"


async def test_a_job_that_runs_too_long_fails_with_its_deadline(bench: Bench) -> None:
    bench.kubelet.script = lambda job: RUNS_ON
    await bench.work.create_profile()
    await bench.work.create_job(activeDeadlineSeconds=2)
    await bench.work.until("Succeeded", "False", "DeadlineExceeded")
    await eventually(bench.work.has_no_active_child, "the child Job is gone")


async def test_deleting_the_job_deletes_everything_that_belongs_to_it(bench: Bench) -> None:
    bench.kubelet.script = lambda job: RUNS_ON
    await bench.work.create_profile()
    await bench.work.create_job()
    await eventually(lambda: bench.has_started(1), "the first pod runs")
    await bench.work.kube.request("DELETE", f"{API}/namespaces/{bench.work.namespace}/reconstructionjobs/statue")

    async def nothing_left() -> bool:
        claims = await bench.work.kube.get(f"/api/v1/namespaces/{bench.work.namespace}/persistentvolumeclaims")
        pods = await bench.work.kube.get(f"/api/v1/namespaces/{bench.work.namespace}/pods")
        return not (claims["items"] or pods["items"] or await bench.work.children())

    await eventually(nothing_left, "children, pods and claim are gone")


async def test_every_transition_is_told_in_an_event(bench: Bench) -> None:
    await bench.work.create_profile()
    await bench.work.create_job()
    await bench.work.until("Succeeded")

    async def told() -> bool:
        page = await bench.work.kube.get(f"/apis/events.k8s.io/v1/namespaces/{bench.work.namespace}/events")
        about = [each for each in page["items"] if each["regarding"]["kind"] == "ReconstructionJob"]
        return {"Accepted", "Started", "ClassCompleted", "Succeeded"} <= {each["reason"] for each in about}

    await eventually(told, "all events")
