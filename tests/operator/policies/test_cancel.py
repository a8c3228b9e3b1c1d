"""spec.cancellation: two steps within an hour, then for good."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconstruction_api.worker import PodReport
from reconstruction_operator.actions import CreateJob, DeleteClaim, DeleteJob, DeletePod, Emit, Plan
from reconstruction_operator.model import Observed
from reconstruction_operator.times import parse_time

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
    failure,
    message,
    observed,
    pod_of,
    report_of,
    seconds,
    settled,
    started,
    with_pod,
    workspace,
)

HOUR = 3600


def running() -> Observed:
    seen = started(RECONSTRUCT)
    return replace(with_pod(seen, pod_of(current(seen))), claim=workspace())


def requested() -> Observed:
    return settled(changed(running(), cancellation="Requested"))[0]


def confirmed(after: float = 60) -> tuple[Observed, Plan]:
    return settled(changed(requested(), cancellation="Confirmed"), NOW + seconds(after))


def state(seen: Observed) -> str:
    noted = seen.job.status.cancellation
    return noted.state if noted else ""


def test_a_request_lets_the_job_go_on_and_says_until_when_it_may_be_confirmed() -> None:
    seen, plan = settled(changed(running(), cancellation="Requested"))
    assert actions(plan, DeleteJob) == actions(plan, DeleteClaim) == []
    assert condition(seen.job.status, "CancellationRequested") == ("True", "Requested")
    assert "2026-03-01T13:00:00Z" in message(seen.job.status, "CancellationRequested")
    assert [emit.reason for emit in actions(plan, Emit)] == ["CancellationRequested"]
    assert plan.next_check == NOW + seconds(HOUR)


def test_a_confirmation_stops_the_pod_at_once_and_removes_the_files() -> None:
    seen, plan = confirmed()
    run = current(running())
    names = [run.job_name for run in running().job.status.runs]
    assert {action.name for action in actions(plan, DeleteJob)} == set(names)  # ended pods would hold the claim as well
    assert [(pod.name, pod.grace_seconds <= 5) for pod in actions(plan, DeletePod)] == [(f"{run.job_name}-abcde", True)]
    assert [claim.uid for claim in actions(plan, DeleteClaim)] == ["uid-of-claim"]
    assert condition(seen.job.status, "Succeeded") == ("False", "Cancelled")
    assert seen.job.status.completion_time and seen.job.status.workspace_claim is None
    assert seen.job.status.failure and seen.job.status.failure.code == "Cancelled"


def test_the_pods_go_before_the_claim_and_after_their_job() -> None:
    """A pod deleted before its Job would be replaced."""
    _, plan = confirmed()
    removed = [type(action) for action in plan.actions if isinstance(action, DeleteJob | DeletePod | DeleteClaim)]
    assert removed == [DeleteJob, DeletePod, DeleteJob, DeleteClaim]


def test_nobody_elses_claim_is_deleted() -> None:
    seen = replace(changed(requested(), cancellation="Confirmed"), claim=workspace(parent_uid="somebody"))
    assert actions(settled(seen)[1], DeleteClaim) == []


@pytest.mark.parametrize("change", [{}, {"cancellation": "Requested"}, {"training": {"steps": 10}}])
def test_a_cancelled_job_is_cancelled_whatever_its_spec_says_later(change: dict[str, Any]) -> None:
    seen, _ = confirmed()
    gone = replace(seen, claim=None, pods=(), child_jobs=())
    after, plan = settled(changed(gone, **change), NOW + seconds(HOUR * 5))
    assert condition(after.job.status, "Succeeded") == ("False", "Cancelled")
    assert actions(plan, CreateJob) == [] and plan.next_check is None


def test_a_request_lapses_after_an_hour_and_says_how_to_ask_again() -> None:
    seen, plan = settled(requested(), NOW + seconds(HOUR))
    assert condition(seen.job.status, "CancellationRequested") == ("False", "Lapsed")
    assert "clear spec.cancellation" in message(seen.job.status, "CancellationRequested")
    assert [emit.reason for emit in actions(plan, Emit)] == ["CancellationLapsed"]
    assert actions(plan, DeleteJob) == [] and plan.next_check is None


@pytest.mark.parametrize("late", [HOUR, 30 * HOUR])
def test_a_confirmation_that_is_seen_late_deletes_nothing(late: float) -> None:
    seen, plan = confirmed(after=late)
    assert state(seen) == "Lapsed"
    assert actions(plan, DeleteClaim) == []


def test_a_confirmation_without_a_request_deletes_nothing() -> None:
    seen, plan = settled(changed(running(), cancellation="Confirmed"))
    assert condition(seen.job.status, "CancellationRequested") == ("False", "CancelNotRequested")
    assert [emit.reason for emit in actions(plan, Emit)] == ["CancelNotRequested"]
    assert actions(plan, DeleteClaim) == []


def test_a_lapsed_request_is_made_again_by_clearing_the_field_first() -> None:
    lapsed, _ = settled(requested(), NOW + seconds(HOUR))
    later = NOW + seconds(2 * HOUR)
    assert state(settled(changed(lapsed, cancellation="Confirmed"), later)[0]) == "Lapsed"
    cleared, _ = settled(changed(lapsed), later)
    assert state(cleared) == ""
    again, _ = settled(changed(cleared, cancellation="Requested"), later)
    assert state(settled(changed(again, cancellation="Confirmed"), later + seconds(60))[0]) == "Confirmed"


def test_a_withdrawn_request_leaves_no_trace() -> None:
    seen, plan = settled(changed(requested()))
    assert seen.job.status.cancellation is None
    assert [emit.reason for emit in actions(plan, Emit)] == ["CancellationWithdrawn"]
    assert "CancellationRequested" not in [each.type for each in seen.job.status.conditions]


def done() -> Observed:
    seen = started(DELIVER)
    return settled(with_pod(seen, ended(current(seen), 0, report_of(DELIVER)), succeeded=True, ended=NOW))[0]


def failed() -> Observed:
    seen = started(PREPARE)
    report = PodReport(failure=failure("LowRegistration", retryable=False))
    return settled(with_pod(seen, ended(current(seen), 3, report), failed=True, ended=NOW))[0]


@pytest.mark.parametrize("end", [done, failed])
@pytest.mark.parametrize("wish", ["Requested", "Confirmed"])
def test_a_job_that_has_ended_can_not_be_cancelled_and_does_not_run_again_for_it(end: Any, wish: str) -> None:
    before = end()
    after, plan = settled(changed(before, cancellation=wish))
    assert condition(after.job.status, "Succeeded") == condition(before.job.status, "Succeeded")
    assert condition(after.job.status, "CancellationRequested") == ("False", "AlreadyTerminal")
    assert actions(plan, CreateJob) == actions(plan, DeleteClaim) == []
    cleared, plan = settled(changed(after))
    assert actions(plan, CreateJob) == [] and state(cleared) == ""


def test_a_job_that_waits_for_its_profile_can_be_cancelled() -> None:
    waiting, _ = settled(observed(profile=None, profile_names=()))
    assert waiting.job.status.completion_time is None
    asked, _ = settled(changed(waiting, cancellation="Requested"))
    after, _ = settled(changed(asked, cancellation="Confirmed"))
    assert condition(after.job.status, "Succeeded") == ("False", "Cancelled")


def test_a_worker_that_gives_up_with_the_exit_status_of_a_cancelled_job_is_not_retried() -> None:
    seen = running()
    gone = with_pod(seen, ended(current(seen), 6), failed=True, ended=NOW)
    after, plan = settled(gone)
    assert condition(after.job.status, "Succeeded") == ("False", "Cancelled")
    assert parse_time(after.job.status.completion_time) == NOW and actions(plan, CreateJob) == []
