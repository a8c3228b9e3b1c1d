"""A status that the API server refuses: the job ends, and holds nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.hostile.schema import problems

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_operator.act import status_document
from reconstruction_operator.actions import CreateJob, DeleteClaim, DeleteJob, DeletePod, EnsureClaim
from reconstruction_operator.decide import decide
from reconstruction_operator.model import Observed, StatusRefusal

from ..builders import (
    DELIVER,
    NOW,
    PREPARE,
    RECONSTRUCT,
    actions,
    changed,
    condition,
    current,
    ended,
    message,
    observed,
    pod_of,
    report_of,
    seconds,
    settled,
    spec_of,
    started,
    states,
    update,
    with_pod,
    workspace,
)

REFUSAL = StatusRefusal(1, "status.artifacts: Too many: 9000: must have at most 4 items", 1)


def refused(seen: Observed) -> Observed:
    return replace(seen, status_refusal=replace(REFUSAL, generation=seen.job.generation))


def running(spec: ReconstructionJobSpec | None = None) -> Observed:
    seen = started(RECONSTRUCT, spec, claim=workspace())
    seen = settled(with_pod(seen, pod_of(current(seen))))[0]
    return replace(seen, live=update(current(seen), "train", 50, metrics={"psnr": "1"}))


def test_the_job_fails_with_a_small_status_and_gives_its_place_back() -> None:
    seen = running()
    after, plan = settled(refused(seen), NOW + seconds(1))
    status = after.job.status
    assert condition(status, "Succeeded") == ("False", "InternalError")
    assert "status.artifacts: Too many" in message(status, "Succeeded") and "operator's log" in message(
        status, "Succeeded"
    )
    assert status.failure is not None and status.failure.code == "InternalError"
    assert (status.admission_time, status.profile, status.metrics, status.progress) == (None, None, {}, None)
    assert status.completion_time and plan.slot == "none"
    assert states(after) | {"ingest": "Succeeded", "train": "Pending"} == states(after)
    assert problems(status_document(after.job, status)["status"]) == []


def test_what_runs_is_deleted_and_nothing_is_created() -> None:
    for resource_class in (PREPARE, RECONSTRUCT, DELIVER):
        seen = started(resource_class)
        plan = decide(refused(seen), NOW + seconds(1))
        assert [each.name for each in actions(plan, DeleteJob)] == [current(seen).job_name]
        assert not actions(plan, CreateJob) and not actions(plan, EnsureClaim)
    plan = decide(refused(observed()), NOW)
    assert not actions(plan, CreateJob) and not actions(plan, EnsureClaim)


def test_attempts_are_remembered_so_that_no_name_is_used_twice() -> None:
    seen = running()
    after, _ = settled(refused(seen), NOW + seconds(1))
    before = {run.resource_class: (run.attempt, run.job_name) for run in seen.job.status.runs}
    assert {run.resource_class: (run.attempt, run.job_name) for run in after.job.status.runs} == before
    assert [run.completed or run.ended for run in after.job.status.runs] == [True, True]


def test_once_written_it_is_at_rest() -> None:
    after, _ = settled(refused(running()), NOW + seconds(1))
    quiet = replace(after, child_jobs=tuple(each for each in after.child_jobs if each.finished), pods=())
    plan = decide(quiet, NOW + seconds(60))
    assert (plan.status, plan.actions, plan.next_check) == (None, (), None)
    restarted = decide(replace(quiet, status_refusal=None), NOW + seconds(60))
    assert restarted.status is None or restarted.status.failure == after.job.status.failure
    assert not restarted.actions


def test_another_spec_is_another_attempt() -> None:
    after, _ = settled(refused(running()), NOW + seconds(1))
    quiet = replace(after, child_jobs=tuple(each for each in after.child_jobs if each.finished), pods=())
    again = replace(changed(quiet, mesh={"targetFaces": 5000}), status_refusal=None, live=None)
    plan = decide(again, NOW + seconds(60))
    (created,) = actions(plan, CreateJob)
    assert created.manifest["metadata"]["name"] not in {run.job_name for run in after.job.status.runs}


def test_a_job_that_had_succeeded_stays_so() -> None:
    seen = started(DELIVER)
    done, _ = settled(with_pod(seen, ended(current(seen), 0, report_of(DELIVER)), succeeded=True, ended=NOW))
    plan = decide(refused(done), NOW + seconds(1))
    assert plan.status is None and plan.slot == "none"


@pytest.mark.parametrize("suspended", [False, True])
def test_a_cancelled_job_stays_cancelled_and_loses_its_files(suspended: bool) -> None:
    seen, _ = settled(changed(running(), cancellation="Requested", suspend=suspended), NOW + seconds(1))
    seen = changed(seen, cancellation="Confirmed", suspend=suspended)
    after, plan = settled(refused(seen), NOW + seconds(2))
    assert condition(after.job.status, "Succeeded") == ("False", "Cancelled")
    assert actions(plan, DeleteJob) and actions(plan, DeletePod) and actions(plan, DeleteClaim)
    assert after.job.status.cancellation is not None and after.job.status.cancellation.state == "Confirmed"


def test_a_suspended_job_whose_status_is_refused_holds_no_hardware() -> None:
    seen = changed(running(), suspend=True)
    after, plan = settled(refused(seen), NOW + seconds(2))
    assert actions(plan, DeleteJob) and after.job.status.admission_time is None


def test_receivers_hear_of_the_end() -> None:
    targets = [{"url": "https://a.example/", "secretName": "key"}]
    after, _ = settled(refused(running(spec_of(notifications=targets))), NOW + seconds(1))
    assert [each.event for each in after.job.status.notifications] == ["Failed"]
