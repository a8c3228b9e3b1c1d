"""spec.activeDeadlineSeconds."""

from __future__ import annotations

from dataclasses import replace

from reconstruction_operator.actions import CreateJob, DeleteJob
from reconstruction_operator.decide import decide

from ..builders import (
    NOW,
    PREPARE,
    RECONSTRUCT,
    actions,
    changed,
    condition,
    current,
    ended,
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


def test_a_pod_that_ends_by_the_deadline_it_was_given_is_followed_by_another_when_the_deadline_was_raised() -> None:
    """The kubelet keeps to what the pod was created with."""
    seen = changed(running(), activeDeadlineSeconds=1000)
    seen, _ = settled(seen, NOW + seconds(90))
    run = current(seen)
    over = replace(ended(run, None), reason="DeadlineExceeded", deadline_seconds=101, uid=seen.pods[-1].uid)
    over = replace(over, container=replace(over.container, ended=NOW + seconds(101), exit_code=5))
    after, plan = settled(with_pod(seen, over, failed=True, ended=NOW), NOW + seconds(102))
    assert after.job.status.failure is None
    (created,) = actions(plan, CreateJob)
    assert created.manifest["spec"]["template"]["spec"]["activeDeadlineSeconds"] == 1000 - 101 + 1
    assert current(after).failures == 0

    kept = replace(seen, job=replace(seen.job, spec=SPEC, generation=3))
    kept, _ = settled(kept, NOW + seconds(95))
    failed, _ = settled(with_pod(kept, over, failed=True, ended=NOW), NOW + seconds(99))
    assert condition(failed.job.status, "Succeeded") == ("False", "DeadlineExceeded")


def test_pods_that_were_preempted_count_although_they_are_gone() -> None:
    seen = started(PREPARE, SPEC)
    run = current(seen)
    for number in range(3):
        begin = NOW + seconds(40 * number)
        pod = replace(pod_of(run), uid=f"pod-{number}", name=f"pod-{number}")
        pod = replace(pod, container=replace(pod.container, started=begin))
        seen, _ = settled(with_pod(replace(seen, pods=()), pod), begin + seconds(1))
        seen, _ = settled(replace(seen, pods=()), begin + seconds(39))
        if number < 2:
            assert current(seen).seconds == 39 * (number + 1)
            assert seen.job.status.failure is None
    assert condition(seen.job.status, "Succeeded") == ("False", "DeadlineExceeded")


def test_a_pods_time_counts_once_whether_its_end_is_seen_or_not() -> None:
    seen = started(PREPARE, SPEC)
    run = current(seen)
    seen, _ = settled(with_pod(seen, pod_of(run)), NOW + seconds(1))
    disrupted = replace(ended(run, 137), disrupted=True)  # of ten seconds, and its object is still there
    seen, _ = settled(with_pod(seen, disrupted), NOW + seconds(20))
    again, plan = settled(seen, NOW + seconds(30))
    assert plan.status is None
    assert decide(again, NOW + seconds(30)).next_check == decide(seen, NOW + seconds(30)).next_check
    gone, _ = settled(replace(again, pods=()), NOW + seconds(60))
    assert (current(gone).seconds, current(gone).pods) == (10, [])
