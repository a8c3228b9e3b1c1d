"""A running worker that says nothing."""

from __future__ import annotations

from dataclasses import replace

from reconstruction_api.worker import PodReport
from reconstruction_operator.actions import DeleteJob, Emit
from reconstruction_operator.model import Observed, Policy

from ..builders import (
    NOW,
    RECONSTRUCT,
    actions,
    condition,
    current,
    ended,
    failure,
    message,
    pod_of,
    seconds,
    settled,
    started,
    with_pod,
)

POLICY = Policy(progress_url="http://operator", heartbeat_seconds=600)


def running(policy: Policy = POLICY) -> Observed:
    seen = started(RECONSTRUCT, policy=policy)
    return with_pod(seen, pod_of(current(seen)))


def test_a_silent_worker_makes_the_job_stalled_with_a_next_step_and_goes_on() -> None:
    seen, plan = settled(running(), NOW + seconds(600))
    assert condition(seen.job.status, "Stalled") == ("True", "WorkerSilent")
    assert "recon logs" in message(seen.job.status, "Stalled")
    assert condition(seen.job.status, "Reconciling") == ("False", "WorkerSilent")
    assert condition(seen.job.status, "Succeeded")[0] == "Unknown"
    assert [emit.reason for emit in actions(plan, Emit)] == ["WorkerSilent"]
    assert actions(plan, DeleteJob) == [] and plan.next_check is None


def test_it_is_looked_at_when_the_time_is_over() -> None:
    _, plan = settled(running(), NOW + seconds(100))
    assert plan.next_check == NOW + seconds(600)


def test_an_update_moves_the_time() -> None:
    seen, plan = settled(replace(running(), heard=NOW + seconds(500)), NOW + seconds(900))
    assert condition(seen.job.status, "Stalled")[0] == "False"
    assert plan.next_check == NOW + seconds(1100)


def test_a_worker_that_reports_again_is_no_longer_stalled() -> None:
    silent, _ = settled(running(), NOW + seconds(600))
    seen, _ = settled(replace(silent, heard=NOW + seconds(700)), NOW + seconds(701))
    assert condition(seen.job.status, "Stalled") == ("False", "NotStalled")
    assert condition(seen.job.status, "Reconciling")[0] == "True"


def test_a_new_leader_listens_for_the_whole_time_before_it_complains() -> None:
    fresh = replace(POLICY, listening_since=NOW + seconds(5000))
    seen, plan = settled(running(fresh), NOW + seconds(5001))
    assert condition(seen.job.status, "Stalled")[0] == "False"
    assert plan.next_check == NOW + seconds(5600)


def test_where_no_updates_are_sent_none_are_missed() -> None:
    seen, plan = settled(running(Policy(heartbeat_seconds=600)), NOW + seconds(10**6))
    assert condition(seen.job.status, "Stalled")[0] == "False" and plan.next_check is None


def test_a_silent_job_that_fails_says_so_as_well() -> None:
    silent, _ = settled(running(), NOW + seconds(600))
    report = PodReport(failure=failure("EmptyMesh", retryable=False))
    failed = with_pod(silent, ended(current(silent), 3, report), failed=True, ended=NOW + seconds(700))
    seen, plan = settled(failed, NOW + seconds(701))
    assert condition(seen.job.status, "Stalled") == ("True", "EmptyMesh")
    assert [emit.reason for emit in actions(plan, Emit)] == ["EmptyMesh"]
