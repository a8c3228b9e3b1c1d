"""spec.activeDeadlineSeconds."""

from __future__ import annotations

from dataclasses import replace

from reconstruction_operator.decide import decide
from reconstruction_operator.plan import CreateJob, DeleteJob

from ..builders import (
    NOW,
    PREPARE,
    RECONSTRUCT,
    actions,
    condition,
    current,
    observed,
    pod_of,
    seconds,
    settled,
    spec_of,
    started,
    with_pod,
)

SPEC = spec_of(activeDeadlineSeconds=100)


def running():
    seen = started(PREPARE, SPEC)
    return with_pod(seen, pod_of(current(seen)))


def test_a_running_job_is_looked_at_when_its_deadline_comes() -> None:
    assert decide(running(), NOW + seconds(40)).next_check == NOW + seconds(100)


def test_a_job_that_runs_too_long_fails_and_its_pod_is_stopped() -> None:
    seen, plan = settled(running(), NOW + seconds(100))
    assert condition(seen.job.status, "Succeeded") == ("False", "DeadlineExceeded")
    assert len(actions(plan, DeleteJob)) == 1


def test_waiting_for_a_node_is_free() -> None:
    seen = started(PREPARE, SPEC)
    waiting = with_pod(seen, replace(pod_of(current(seen), "Pending"), scheduled=None))
    after, _ = settled(waiting, NOW + seconds(10_000))
    assert after.job.status.failure is None


def test_time_of_earlier_classes_counts_and_the_pod_gets_what_is_left() -> None:
    seen = started(RECONSTRUCT, SPEC)  # the first class ran for 10 seconds
    first = observed(SPEC)
    pod_spec = actions(decide(first, NOW), CreateJob)[0].manifest["spec"]["template"]["spec"]
    assert pod_spec["activeDeadlineSeconds"] == 101
    assert seen.job.status.runs[0].seconds == 10
    late = with_pod(seen, pod_of(current(seen)))
    assert decide(late, NOW + seconds(1)).next_check == NOW + seconds(90)


def test_a_longer_deadline_lets_a_failed_job_go_on() -> None:
    seen, _ = settled(running(), NOW + seconds(100))
    longer = spec_of(activeDeadlineSeconds=1000)
    seen = replace(seen, child_jobs=(), pods=(), job=replace(seen.job, spec=longer, generation=2))
    after, plan = settled(seen, NOW + seconds(200))
    assert after.job.status.failure is None
    assert len(actions(plan, CreateJob)) == 1
