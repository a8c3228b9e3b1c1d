"""When an attempt is followed by another."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from reconstruction_api.worker import PodReport
from reconstruction_operator.actions import CreateJob, DeleteJob
from reconstruction_operator.decide import decide
from reconstruction_operator.policies.control.retry import backoff

from ..builders import (
    NOW,
    RECONSTRUCT,
    actions,
    condition,
    current,
    ended,
    failure,
    message,
    report_of,
    seconds,
    settled,
    spec_of,
    started,
    with_pod,
)


def failed_attempt(code: str = "HostOutOfMemory", *, retryable: bool = True, **spec):
    seen = started(RECONSTRUCT, spec_of(**spec))
    pod = ended(current(seen), 4, PodReport(failure=failure(code, retryable=retryable)))
    return with_pod(seen, pod, failed=True, ended=NOW)


def test_a_failure_that_may_pass_is_tried_again_after_the_backoff() -> None:
    seen, plan = settled(failed_attempt())
    run = current(seen)
    assert (run.attempt, run.failures) == (2, 1)
    assert actions(plan, CreateJob) == []
    assert plan.next_check is not None and seconds(8) < plan.next_check - NOW < seconds(13)
    later = decide(seen, plan.next_check)
    assert [action.manifest["metadata"]["name"] for action in actions(later, CreateJob)] == [run.job_name]


def test_the_reason_of_the_retry_is_told_in_the_condition() -> None:
    seen, _ = settled(failed_attempt())
    assert condition(seen.job.status, "Reconciling") == ("True", "Retrying")
    assert "HostOutOfMemory" in message(seen.job.status, "Reconciling")
    assert condition(seen.job.status, "Succeeded")[0] == "Unknown"


def test_an_attempt_that_another_one_follows_is_no_failure_of_the_job() -> None:
    seen, _ = settled(failed_attempt())
    assert seen.job.status.failure is None
    assert current(seen).trouble == "HostOutOfMemory: it broke"


def test_a_permanent_failure_is_never_retried() -> None:
    seen, plan = settled(failed_attempt("EmptyMesh", retryable=False))
    assert condition(seen.job.status, "Succeeded") == ("False", "EmptyMesh")
    assert condition(seen.job.status, "Stalled") == ("True", "EmptyMesh")
    assert plan.next_check is None


def test_attempts_are_limited_by_the_retry_policy() -> None:
    seen, _ = settled(failed_attempt(retryPolicy={"maxAttempts": 1}))
    assert seen.job.status.failure is not None and seen.job.status.failure.code == "HostOutOfMemory"


def test_preemption_does_not_count_as_an_attempt() -> None:
    seen = started(RECONSTRUCT)
    pod = replace(ended(current(seen), 5), disrupted=True)
    after, plan = settled(with_pod(seen, pod, failed=True, ended=NOW))
    run = current(after)
    assert (run.failures, run.interruptions) == (0, 1)
    assert len(actions(plan, CreateJob)) == 1


def test_repeated_interruptions_wait_longer_each_time() -> None:
    seen = started(RECONSTRUCT)
    busy = current(seen).model_copy(update={"interruptions": 5})
    seen = replace(
        seen,
        job=replace(seen.job, status=seen.job.status.model_copy(update={"runs": [*seen.job.status.runs[:-1], busy]})),
    )
    _, plan = settled(with_pod(seen, ended(busy, 5), failed=True, ended=NOW))
    assert plan.next_check is not None and plan.next_check - NOW > seconds(10)


def test_a_report_that_was_lost_with_its_pod_is_no_failure() -> None:
    seen = started(RECONSTRUCT)
    child = replace(seen.child_jobs[-1], succeeded=True, ended=NOW)
    seen = replace(seen, child_jobs=(*seen.child_jobs[:-1], child))
    waiting = decide(seen, NOW)
    assert actions(waiting, CreateJob) == [] and waiting.next_check == NOW + timedelta(seconds=15)
    again = decide(seen, NOW + seconds(16))
    assert again.status is not None and again.status.runs[-1].failures == 0
    assert len(actions(again, CreateJob)) == 1


def test_a_changed_spec_gives_a_failed_job_a_new_chance() -> None:
    seen, _ = settled(failed_attempt("EmptyMesh", retryable=False))
    changed = replace(seen, job=replace(seen.job, generation=2))
    after, plan = settled(changed)
    assert after.job.status.failure is None and current(after).failures == 0
    assert len(actions(plan, CreateJob)) == 1


def test_a_failed_attempt_that_left_finished_stages_keeps_them() -> None:
    seen = started(RECONSTRUCT)
    stages = report_of(RECONSTRUCT).stages[:1]
    pod = ended(current(seen), 4, PodReport(stages=stages, failure=failure(stage="evaluate")))
    after, _ = settled(with_pod(seen, pod, failed=True, ended=NOW))
    assert condition(after.job.status, "Trained") == ("True", "Succeeded")


def test_finished_attempts_of_the_same_settings_stay_for_their_logs() -> None:
    seen, _ = settled(failed_attempt(retryPolicy={"backoffSeconds": 0}))
    assert actions(decide(seen, NOW + seconds(1)), DeleteJob) == []


@pytest.mark.parametrize(("count", "expected"), [(1, 10), (2, 20), (3, 40), (7, 600), (1000, 600)])
def test_backoff_doubles_up_to_ten_minutes_and_is_spread_by_a_tenth(count: int, expected: float) -> None:
    waits = {backoff(10, count, 600, f"job-{number}").total_seconds() for number in range(50)}
    assert all(expected * 0.9 <= wait <= expected * 1.1 for wait in waits)
    assert len(waits) > 40
