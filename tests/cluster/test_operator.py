"""The operator's process against a real API server, scheduler and Job controller; only the kubelet is a fake.

Most of the time goes into waiting for Kubernetes. So each scenario is a coroutine about a job of its own, all of them
run at the same time against one operator, and each has a test that tells how it went.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.fake_kubelet import DISRUPTED, RUNS_ON, Ending, FakeKubelet, Script, badly, kubelet_for, well
from harness.operator_process import eventually
from harness.workbench import JobUnderTest, conditions, workbench
from reconstruction_api.worker import PodReport, WorkerJob

pytestmark = pytest.mark.cluster


@dataclass
class Case(JobUnderTest):
    """A job whose pods a fake kubelet runs."""

    kubelet: FakeKubelet

    def pods_end(self, script: Script) -> None:
        self.kubelet.scripts[self.name] = script

    def classes(self) -> list[str]:
        """Resource classes of the job's pods that were started, in order."""
        return [order.resource_class.value for order in self.kubelet.seen if order.name == self.name]

    async def has_started(self, pods: int) -> bool:
        return len(self.classes()) >= pods


def paused_after(job: WorkerJob, stage: str) -> Ending:
    """The pod's stages up to this one have completed."""
    report = well(job).report
    if report is None or stage not in [each.name for each in report.stages]:
        return well(job)
    names = [each.name.value for each in report.stages]
    done = report.stages[: names.index(stage) + 1]
    return Ending(0, PodReport(stages=done, paused_after=done[-1].name))


Scenario = Callable[[Case], Awaitable[None]]
SCENARIOS: dict[str, Scenario] = {}


def scenario(function: Scenario) -> Scenario:
    """A test that does not mind others beside it."""
    SCENARIOS[function.__name__] = function
    return function


@pytest.fixture(scope="module")
def outcomes(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, BaseException | None]:
    """How each scenario ended."""

    async def run_all() -> dict[str, BaseException | None]:
        log = tmp_path_factory.mktemp("operator") / "log"
        async with workbench(kubeconfig, log, lost_pod_seconds="40") as work, kubelet_for(kubeconfig) as kubelet:
            await work.create_profile()
            cases = [Case(work, f"job-{number}", kubelet) for number, _ in enumerate(SCENARIOS)]
            runs = [run(case) for run, case in zip(SCENARIOS.values(), cases, strict=True)]
            results = await asyncio.gather(*runs, return_exceptions=True)
        return dict(zip(SCENARIOS, results, strict=True))

    return asyncio.run(run_all())


@scenario
async def a_job_runs_its_three_classes_one_after_the_other_and_succeeds(case: Case) -> None:
    await case.create()
    job = await case.until("Succeeded")
    status = job["status"]
    assert case.classes() == ["prepare", "reconstruct", "deliver"]
    assert [stage["state"] for stage in status["stages"]] == ["Succeeded"] * 8
    assert status["progress"]["percent"] == 100
    assert status["metrics"]["psnr"] == "27.31"
    assert [artifact["name"] for artifact in status["artifacts"]] == ["model.glb"]
    expected = {
        "Accepted": "True",
        "PosesEstimated": "True",
        "Trained": "True",
        "Exported": "True",
        "Validated": "True",
        "Reconciling": "False",
        "Stalled": "False",
    }
    assert {name: conditions(job)[name]["status"] for name in expected} == expected


@scenario
async def a_job_builds_on_the_poses_of_another_as_soon_as_it_has_them(case: Case) -> None:
    base = Case(case.work, f"{case.name}-base", case.kubelet)

    def ends(job: WorkerJob) -> Ending:
        if job.spec.pause_after is not None:
            return paused_after(job, "ingest")
        return RUNS_ON if job.resource_class == "reconstruct" else well(job)

    base.pods_end(ends)
    await case.create(source={"jobRef": {"name": base.name}})
    job = await case.until("Accepted", "False", "SourceNotFound")
    assert f"job '{base.name}' does not exist" in conditions(job)["Accepted"]["message"]
    await base.create(pauseAfter="Ingest")
    await case.until("Admitted", "False", "DependencyNotReady")
    assert case.classes() == []
    await base.until("Suspended", "True", "Paused")
    await base.change(pauseAfter=None)
    await case.until("Succeeded")
    assert base.classes() == ["prepare", "prepare", "reconstruct"], "it still trains"
    prepare = next(c for c in await case.children() if "-prep-" in c["metadata"]["name"])
    volumes = [each.get("persistentVolumeClaim") for each in prepare["spec"]["template"]["spec"]["volumes"]]
    assert {"claimName": f"{base.name}-workspace", "readOnly": True} in volumes
    await case.work.kube.request("DELETE", base.path)
    await case.change(exports=[{"format": "PLY"}])
    await case.until("Succeeded")


@scenario
async def a_job_whose_base_fails_says_so_and_goes_on_once_that_is_mended(case: Case) -> None:
    base = Case(case.work, f"{case.name}-base", case.kubelet)
    base.pods_end(lambda _: badly("LowRegistration", "5 of 40 photos"))
    await base.create()
    await case.create(source={"jobRef": {"name": base.name}})
    job = await case.until("Succeeded", "False", "DependencyFailed")
    assert "LowRegistration" in conditions(job)["Succeeded"]["message"]
    base.pods_end(well)
    await base.change(poses={"minRegisteredPercent": 10})
    await case.until("Succeeded")


@scenario
async def jobs_that_build_on_each_other_name_their_circle(case: Case) -> None:
    other = Case(case.work, f"{case.name}-other", case.kubelet)
    await case.create(source={"jobRef": {"name": other.name}})
    await other.create(source={"jobRef": {"name": case.name}})
    job = await case.until("Accepted", "False", "DependencyCycle")
    assert f"{case.name} -> {other.name} -> {case.name}" in conditions(job)["Accepted"]["message"]
    await other.until("Accepted", "False", "DependencyCycle")


@scenario
async def a_job_that_is_about_camera_poses_only_ends_with_them(case: Case) -> None:
    await case.create(endAfter="Poses")
    job = await case.until("Succeeded")
    assert case.classes() == ["prepare", "deliver"]
    assert conditions(job)["Trained"]["reason"] == "NotWanted"
    await case.change(endAfter=None)
    await case.until("Succeeded")
    assert case.classes() == ["prepare", "deliver", "reconstruct", "deliver"]


@scenario
async def a_workspace_that_is_deleted_before_its_pod_has_a_node_is_made_again(case: Case) -> None:
    await case.work.create_profile("nowhere", cpu={"nodeSelector": {"no": "such-node"}})
    await case.create(profileName="nowhere")
    await case.until("Admitted", "False", "Unschedulable")
    path = f"/api/v1/namespaces/{case.work.namespace}/persistentvolumeclaims/{case.name}-workspace"
    before = (await case.work.kube.get(path))["metadata"]["uid"]
    await case.work.kube.request("DELETE", path)

    async def is_new() -> bool:
        claims = await case.children("/api/v1/.../persistentvolumeclaims")
        return [each["metadata"]["uid"] for each in claims] not in ([], [before])

    await eventually(is_new, "another claim")
    assert len(await case.children()) == 1, "the child Job is the same"


@scenario
async def a_job_waits_for_its_profile_and_says_which_ones_there_are(case: Case) -> None:
    await case.create(profileName="late")
    job = await case.until("Accepted", "False", "ProfileNotFound")
    assert case.work.profile in conditions(job)["Accepted"]["message"]
    await case.work.create_profile("late")
    await case.until("Succeeded")


@scenario
async def a_job_pauses_where_it_is_asked_to_and_redoes_nothing(case: Case) -> None:
    case.pods_end(lambda job: paused_after(job, "train") if job.spec.pause_after else well(job))
    await case.create(pauseAfter="Train")
    job = await case.until("Suspended", "True", "Paused")
    assert conditions(job)["Trained"]["status"] == "True"
    assert case.classes() == ["prepare", "reconstruct"]
    await case.change(pauseAfter=None)
    job = await case.until("Succeeded")
    assert case.classes() == ["prepare", "reconstruct", "reconstruct", "deliver"]
    assert [run["failures"] for run in job["status"]["runs"]] == [0, 0, 0]


@scenario
async def a_job_stops_at_its_soft_deadline_and_goes_on_when_it_is_raised(case: Case) -> None:
    case.pods_end(lambda job: RUNS_ON)
    await case.create(softDeadlineSeconds=2)
    await case.until("Suspended", "True", "SoftDeadlineExceeded")
    await eventually(case.has_no_active_child, "no pod")
    case.pods_end(well)
    await case.change(softDeadlineSeconds=1000)
    await case.until("Succeeded")


@scenario
async def a_cancelled_job_leaves_neither_pods_nor_files(case: Case) -> None:
    case.pods_end(lambda job: RUNS_ON if job.resource_class == "reconstruct" else well(job))
    await case.create()
    await eventually(lambda: case.has_started(2), "a pod that runs beside one that has ended")
    await case.change(cancellation="Requested")
    await case.until("CancellationRequested", "True", "Requested")
    await case.change(cancellation="Confirmed")
    await case.until("Succeeded", "False", "Cancelled")

    async def nothing_left() -> bool:
        kinds = ("/apis/batch/v1/.../jobs", "/api/v1/.../pods", "/api/v1/.../persistentvolumeclaims")
        return not [child for kind in kinds for child in await case.children(kind)]

    await eventually(nothing_left, "no child")


@scenario
async def an_ended_job_loses_its_workspace_first_and_then_goes_itself(case: Case) -> None:
    await case.create(retention={"workspaceSeconds": 1, "jobSeconds": 3600})

    async def without_workspace() -> bool:
        claims = await case.children("/api/v1/.../persistentvolumeclaims")
        return not claims and bool((await case.get())["status"]["retention"]["workspaceRemovedTime"])

    job = await case.until("Succeeded")
    assert job["status"]["retention"]["jobExpiryTime"] > job["status"]["completionTime"]
    await eventually(without_workspace, "no claim")
    await case.change(retention={"workspaceSeconds": 1, "jobSeconds": 1})

    async def gone() -> bool:
        jobs = await case.work.listed("/apis/reconstruction.dev/v1alpha1/.../reconstructionjobs")
        return case.name not in [job["metadata"]["name"] for job in jobs]

    await eventually(gone, "no job")


@scenario
async def a_permanent_failure_ends_the_job_and_a_changed_spec_runs_it_again(case: Case) -> None:
    case.pods_end(lambda _: badly("LowRegistration", "5 of 40 photos"))
    await case.create()
    job = await case.until("Succeeded", "False", "LowRegistration")
    assert job["status"]["failure"]["suggestion"]
    assert conditions(job)["Stalled"]["status"] == "True"
    case.pods_end(well)
    await case.change(poses={"minRegisteredPercent": 10})
    await case.until("Succeeded")


@scenario
async def a_passing_failure_is_tried_again_after_a_pause(case: Case) -> None:
    case.pods_end(lambda job: well(job) if job.attempt > 1 else badly("ArtifactStoreError", "try later"))
    await case.create(retryPolicy={"backoffSeconds": 1})
    job = await case.until("Succeeded")
    assert {run["attempt"] for run in job["status"]["runs"]} == {2}
    assert {run["failures"] for run in job["status"]["runs"]} == {1}


@scenario
async def a_preempted_pod_is_replaced_within_its_attempt(case: Case) -> None:
    def first_is_preempted(job: WorkerJob) -> Ending:
        return DISRUPTED if case.classes() == ["prepare", "reconstruct"] else well(job)

    case.pods_end(first_is_preempted)
    await case.create()
    job = await case.until("Succeeded")
    assert case.classes() == ["prepare", "reconstruct", "reconstruct", "deliver"]
    assert {run["attempt"] for run in job["status"]["runs"]} == {1}
    assert len(await case.children()) == 3


@scenario
async def a_pod_on_a_lost_node_is_given_up_and_its_work_goes_on_elsewhere(case: Case) -> None:
    case.pods_end(lambda _: RUNS_ON)
    await case.create()
    await eventually(lambda: case.has_started(1), "the first pod runs")
    case.kubelet.deaf.add(case.name)
    lost = (await case.children("/api/v1/.../pods"))[0]["metadata"]["name"]
    path = f"/api/v1/namespaces/{case.work.namespace}/pods/{lost}"
    await case.work.kube.request("DELETE", path, body={"gracePeriodSeconds": 1})
    await case.until("Admitted", "False", "NodeLost")
    case.pods_end(well)
    job = await case.until("Succeeded")
    assert {run["failures"] for run in job["status"]["runs"]} == {0}
    assert lost not in [pod["metadata"]["name"] for pod in await case.children("/api/v1/.../pods")]


@scenario
async def suspending_frees_the_pod_and_resuming_starts_it_again(case: Case) -> None:
    case.pods_end(lambda job: RUNS_ON if job.resource_class == "reconstruct" else well(job))
    await case.create()
    await eventually(lambda: case.has_started(2), "training runs")
    await case.change(suspend=True)
    await case.until("Suspended")
    await eventually(case.has_no_active_child, "the child Job is gone")
    case.pods_end(well)
    await case.change(suspend=False)
    job = await case.until("Succeeded")
    assert job["status"]["runs"][1]["interruptions"] == 1
    assert job["status"]["runs"][1]["failures"] == 0


@scenario
async def changed_exports_run_only_the_delivery_again(case: Case) -> None:
    await case.create()
    await case.until("Succeeded")
    await case.change(exports=[{"format": "GLB"}, {"format": "OBJ"}])
    job = await case.until("Succeeded")
    assert case.classes() == ["prepare", "reconstruct", "deliver", "deliver"]
    assert job["status"]["metrics"]["psnr"] == "27.31"


@scenario
async def a_job_that_runs_too_long_fails_with_its_deadline(case: Case) -> None:
    case.pods_end(lambda _: RUNS_ON)
    await case.create(activeDeadlineSeconds=2)
    await case.until("Succeeded", "False", "DeadlineExceeded")
    await eventually(case.has_no_active_child, "the child Job is gone")


@scenario
async def deleting_the_job_deletes_everything_that_belongs_to_it(case: Case) -> None:
    case.pods_end(lambda _: RUNS_ON)
    await case.create()
    await eventually(lambda: case.has_started(1), "the first pod runs")
    await case.work.kube.request("DELETE", case.path)

    async def nothing_is_left() -> bool:
        kinds = ["/apis/batch/v1/.../jobs", "/api/v1/.../pods", "/api/v1/.../persistentvolumeclaims"]
        return not any([await case.children(kind) for kind in kinds])

    await eventually(nothing_is_left, "children, pods and claim are gone")


@scenario
async def a_child_job_that_somebody_deletes_is_replaced(case: Case) -> None:
    case.pods_end(lambda _: RUNS_ON)
    await case.create()
    await eventually(lambda: case.has_started(1), "the first pod runs")
    child = (await case.children())[0]["metadata"]["name"]
    case.pods_end(well)
    path = f"/apis/batch/v1/namespaces/{case.work.namespace}/jobs/{child}"
    await case.work.kube.request("DELETE", path, body={"propagationPolicy": "Background"})
    job = await case.until("Succeeded")
    assert {run["failures"] for run in job["status"]["runs"]} == {0}


@scenario
async def every_transition_is_told_in_an_event(case: Case) -> None:
    await case.create()
    await case.until("Succeeded")

    async def told() -> bool:
        events = await case.work.listed("/apis/events.k8s.io/v1/.../events")
        mine = [each for each in events if each["regarding"]["name"] == case.name]
        return {"Started", "Succeeded"} <= {each["reason"] for each in mine}

    await eventually(told, "all events")


@pytest.mark.parametrize("name", SCENARIOS)
def test_beside_others(name: str, outcomes: dict[str, BaseException | None]) -> None:
    failure = outcomes[name]
    if failure is not None:
        raise failure


async def test_killing_the_operator_at_every_step_changes_nothing(kubeconfig: Path, tmp_path: Path) -> None:
    async with workbench(kubeconfig, tmp_path / "log") as work, kubelet_for(kubeconfig) as kubelet:
        case = Case(work, "statue", kubelet)
        await work.create_profile()
        await case.create()
        for pods in (1, 2, 3):
            await eventually(lambda n=pods: case.has_started(n), f"pod {pods}")
            work.operator.kill()
            work.operator.start()
        await case.until("Succeeded")
        assert case.classes() == ["prepare", "reconstruct", "deliver"]
        assert len(await case.children()) == 3
