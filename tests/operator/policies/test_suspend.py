"""spec.suspend."""

from __future__ import annotations

from dataclasses import replace

from reconstruction_operator.actions import CreateJob, DeleteJob
from reconstruction_operator.decide import decide

from ..builders import (
    DELIVER,
    NOW,
    PREPARE,
    RECONSTRUCT,
    actions,
    condition,
    current,
    ended,
    observed,
    pod_of,
    report_of,
    settled,
    spec_of,
    started,
    with_pod,
)


def suspended(seen, suspend: bool = True):
    job = replace(seen.job, spec=spec_of(suspend=suspend), generation=seen.job.generation + 1)
    return replace(seen, job=job)


def running():
    seen = started(RECONSTRUCT)
    return with_pod(seen, pod_of(current(seen)))


def test_suspending_stops_the_pod_gracefully_and_counts_no_failure() -> None:
    seen, plan = settled(suspended(running()))
    assert [action.name for action in actions(plan, DeleteJob)] == [current(running()).job_name]
    assert condition(seen.job.status, "Suspended") == ("True", "Suspended")
    assert condition(seen.job.status, "Reconciling")[0] == "False"
    assert (current(seen).failures, current(seen).interruptions) == (0, 1)


def test_a_suspended_job_starts_nothing() -> None:
    seen, plan = settled(observed(spec_of(suspend=True)))
    assert actions(plan, CreateJob) == [] and plan.next_check is None
    assert condition(seen.job.status, "Admitted") == ("False", "Suspended")


def test_a_class_that_ended_well_while_it_was_suspended_is_kept() -> None:
    seen = started(PREPARE)
    done = with_pod(seen, ended(current(seen), 0, report_of(PREPARE)), succeeded=True, ended=NOW)
    after, plan = settled(suspended(done))
    assert after.job.status.runs[0].completed
    assert actions(plan, CreateJob) == []


def test_resuming_waits_until_the_old_pod_has_left_the_workspace() -> None:
    seen, _ = settled(suspended(running()))
    leaving = replace(seen, child_jobs=tuple(replace(job, deleting=not job.finished) for job in seen.child_jobs))
    resumed, plan = settled(suspended(leaving, suspend=False))
    assert actions(plan, CreateJob) == []
    assert condition(resumed.job.status, "Admitted") == ("False", "Stopping")
    free = replace(
        resumed,
        child_jobs=tuple(job for job in resumed.child_jobs if job.finished),
        pods=tuple(pod for pod in resumed.pods if pod.finished),
    )
    assert len(actions(decide(free, NOW), CreateJob)) == 1


def test_a_finished_job_stays_finished() -> None:
    seen = started(DELIVER)
    done = with_pod(seen, ended(current(seen), 0, report_of(DELIVER)), succeeded=True, ended=NOW)
    after, _ = settled(suspended(settled(done)[0]))
    assert condition(after.job.status, "Succeeded") == ("True", "Completed")
    assert condition(after.job.status, "Suspended")[0] == "False"
