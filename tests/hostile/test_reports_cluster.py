"""Hostile reports with the operator's process and a real API server: each scenario is about a job of its own, all at
the same time against one operator, beside a job that must notice nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from harness.fake_kubelet import RUNS_ON, Ending, FakeKubelet, kubelet_for, well
from harness.operator_process import eventually
from harness.workbench import JobUnderTest, Workbench, conditions, workbench
from reconstruction_api.worker import WorkerJob
from reconstruction_operator.kube import MERGE_PATCH, ApiError

from .reports import REPORTS, Raw
from .schema import problems

pytestmark = pytest.mark.cluster

BY_NAME = {report.name: report for report in REPORTS}
FORBIDDEN = "forbidden"
"""A metric that the cluster of these tests does not allow in a status."""
NO_RETRY = {"retryPolicy": {"maxAttempts": 1}}


@dataclass
class Case(JobUnderTest):
    kubelet: FakeKubelet

    def says(self, name: str, in_class: str = "prepare", then: Callable[[WorkerJob], Ending] = well) -> None:
        """The pods of one class end with a hostile report, the others otherwise."""
        report = BY_NAME[name]
        told = Ending(report.exit_code, Raw(text=report.text), "Error" if report.exit_code else "")
        self.kubelet.scripts[self.name] = lambda job: told if job.resource_class == in_class else then(job)

    async def events(self) -> list[dict[str, Any]]:
        items = await self.work.listed("/apis/events.k8s.io/v1/.../events")
        return [item for item in items if item["regarding"].get("name") == self.name]


Scenario = Callable[[Case], Awaitable[None]]
SCENARIOS: dict[str, Scenario] = {}


def scenario(function: Scenario) -> Scenario:
    SCENARIOS[function.__name__] = function
    return function


@scenario
async def a_report_that_unpacks_to_megabytes_is_none(case: Case) -> None:
    case.says("a failure that unpacks to megabytes")
    await case.create(**NO_RETRY)
    job = await case.until("Succeeded", "False", "InternalError")
    assert "admissionTime" not in job["status"]
    assert len(json.dumps(job["status"])) < 20_000


@scenario
async def a_code_that_is_no_word_becomes_one_of_the_catalogue(case: Case) -> None:
    case.says("a code that is no word")
    await case.create(**NO_RETRY)
    job = await case.until("Succeeded", "False", "InternalError")
    assert "broken" in job["status"]["failure"]["message"]


@scenario
async def numbers_beyond_64_bits_are_left_out_and_the_job_can_be_suspended_and_cancelled(case: Case) -> None:
    case.says("a number of 64 bits and one", then=lambda _: RUNS_ON)
    await case.create()
    job = await case.until("Admitted", "True", "Running")
    job = await case.until("PosesEstimated", "True")
    assert job["status"]["metrics"] == {"psnr": "27"}
    await case.change(suspend=True)
    await case.until("Suspended", "True")
    await eventually(case.has_no_active_child, "its pods have stopped")
    await case.change(cancellation="Requested")
    await case.until("CancellationRequested", "True")
    await case.change(cancellation="Confirmed")
    await case.until("Succeeded", "False", "Cancelled")


@scenario
async def files_of_others_are_not_presented_as_the_jobs_own(case: Case) -> None:
    case.says("artifacts that lead elsewhere", in_class="deliver")
    await case.create()
    job = await case.until("Succeeded", "True")
    assert "artifacts" not in job["status"]


@scenario
async def texts_of_a_worker_are_lines_in_status_and_events(case: Case) -> None:
    case.says("texts that steer terminals and forge lines", in_class="reconstruct")
    await case.create()
    job = await case.until("Succeeded", "False", "EmptyMesh")

    async def told() -> list[dict[str, Any]] | None:
        return [each for each in await case.events() if each["reason"] == "EmptyMesh"] or None

    texts = json.dumps([job["status"], await eventually(told, "an Event")], ensure_ascii=False)
    assert "forged" in texts
    assert not [escape for escape in ("\\n", "\\r", "\\u00") if escape in texts]
    assert not [letter for letter in texts if not letter.isprintable()]


@scenario
async def a_status_that_the_cluster_refuses_ends_the_job_and_gives_its_place_back(case: Case) -> None:
    def ends(job: WorkerJob) -> Ending:
        done = well(job)
        assert done.report is not None
        return replace(done, report=done.report.model_copy(update={"metrics": {FORBIDDEN: 1}}))

    case.kubelet.scripts[case.name] = ends
    await case.create()
    job = await case.until("Succeeded", "False", "InternalError")
    status = job["status"]
    assert "refuses the job's status" in status["failure"]["message"] and "admissionTime" not in status
    assert [run["resourceClass"] for run in status["runs"]] == ["prepare", "reconstruct"]
    await eventually(case.has_no_active_child, "no active child Job")

    async def told() -> list[dict[str, Any]] | None:
        return [each for each in await case.events() if "refuses" in each.get("note", "")] or None

    assert len(await eventually(told, "an Event")) == 1
    assert "status_refusals_total 1.0" in await _metrics(case.work)
    await case.change(suspend=True)
    await case.until("Succeeded", "False", "InternalError")
    case.kubelet.scripts[case.name] = well
    await case.change(suspend=False, redo={"ingest": 1})
    await case.until("Succeeded", "True")


@scenario
async def a_job_beside_them_notices_nothing(case: Case) -> None:
    await case.create()
    job = await case.until("Succeeded", "True")
    assert conditions(job)["Validated"]["status"] == "True"
    assert [run["attempt"] for run in job["status"]["runs"]] == [1, 1, 1]


async def _metrics(work: Workbench) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"{work.operator.url}/metrics") as answer:
        return await answer.text()


@asynccontextmanager
async def refusing(work: Workbench) -> AsyncIterator[None]:
    """A cluster that does not take a status with a certain metric, in this namespace."""
    base, name = "/apis/admissionregistration.k8s.io/v1", f"refusing-{work.namespace}"
    policies, bindings = f"{base}/validatingadmissionpolicies", f"{base}/validatingadmissionpolicybindings"
    rule = {"apiGroups": ["reconstruction.dev"], "apiVersions": ["*"], "operations": ["UPDATE"],
            "resources": ["reconstructionjobs/status"]}  # fmt: skip
    allowed = f"!has(object.status.metrics) || !('{FORBIDDEN}' in object.status.metrics)"
    selector = {"matchLabels": {"kubernetes.io/metadata.name": work.namespace}}
    policy = {"matchConstraints": {"resourceRules": [rule]}, "validations": [{"expression": allowed}]}
    await work.kube.create(policies, {"metadata": {"name": name}, "spec": policy})
    bound = {"policyName": name, "validationActions": ["Deny"], "matchResources": {"namespaceSelector": selector}}
    await work.kube.create(bindings, {"metadata": {"name": name}, "spec": bound})
    try:
        probe = JobUnderTest(work, "probe")
        await probe.create(suspend=True)

        async def refuses() -> bool:
            with contextlib.suppress(ApiError):
                status, path = {"status": {"metrics": {FORBIDDEN: 1}}}, f"{probe.path}/status"
                await work.kube.request("PATCH", path, query={"dryRun": "All"}, body=status, content_type=MERGE_PATCH)
                return False
            return True

        await eventually(refuses, "the admission policy counts")
        yield
    finally:
        for path in (bindings, policies):
            await work.kube.request("DELETE", f"{path}/{name}")


@pytest.fixture(scope="module")
def outcomes(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, BaseException | None]:
    """How each scenario ended."""

    async def run_all() -> dict[str, BaseException | None]:
        log = tmp_path_factory.mktemp("operator") / "log"
        async with workbench(kubeconfig, log) as work, kubelet_for(kubeconfig) as kubelet, refusing(work):
            await work.create_profile()
            cases = [Case(work, f"job-{number}", kubelet) for number, _ in enumerate(SCENARIOS)]
            runs = [run(case) for run, case in zip(SCENARIOS.values(), cases, strict=True)]
            results = await asyncio.gather(*runs, return_exceptions=True)
            for case in cases:
                status = (await case.get())["status"]
                assert problems(status) == [], f"the stand-in for the schema is stricter than the schema: {case.name}"
        assert "Traceback" not in log.read_text()
        return dict(zip(SCENARIOS, results, strict=True))

    return asyncio.run(run_all())


@pytest.mark.parametrize("name", SCENARIOS)
def test_hostile_reports_on_a_real_control_plane(name: str, outcomes: dict[str, BaseException | None]) -> None:
    if (error := outcomes[name]) is not None:
        raise error
