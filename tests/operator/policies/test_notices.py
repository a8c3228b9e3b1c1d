"""What is told in Events."""

from __future__ import annotations

from dataclasses import replace

from reconstruction_api.worker import PodReport
from reconstruction_operator.actions import Emit
from reconstruction_operator.decide import decide

from ..builders import (
    DELIVER,
    NOW,
    PREPARE,
    actions,
    current,
    ended,
    failure,
    observed,
    pod_of,
    report_of,
    seconds,
    settled,
    spec_of,
    started,
    with_pod,
)


def told(plan) -> list[tuple[bool, str]]:
    return [(emit.warning, emit.reason) for emit in actions(plan, Emit)]


def test_a_new_job_is_accepted_and_started_in_one_event() -> None:
    plan = decide(observed(), NOW)
    assert told(plan) == [(False, "Started")]
    text = actions(plan, Emit)[0].message
    assert "Prepare, attempt 1: Job " in text and "Runs with " in text


def test_a_job_that_is_accepted_but_not_started_says_so() -> None:
    assert told(decide(observed(spec_of(suspend=True)), NOW)) == [(False, "Accepted"), (False, "Suspended")]


def test_a_refused_job_is_told_once() -> None:
    seen, plan = settled(observed(profile=None))
    assert told(plan) == [(True, "ProfileNotFound")]
    assert told(decide(seen, NOW)) == []


def test_a_finished_class_is_told_with_what_its_stages_say() -> None:
    seen = started(DELIVER)
    plan = decide(with_pod(seen, ended(current(seen), 0, report_of(DELIVER)), succeeded=True, ended=NOW), NOW)
    assert told(plan) == [(False, "Succeeded")] and "export done" in actions(plan, Emit)[0].message


def test_the_end_of_a_class_and_the_start_of_the_next_are_one_event() -> None:
    seen = started(PREPARE)
    plan = decide(with_pod(seen, ended(current(seen), 0, report_of(PREPARE)), succeeded=True, ended=NOW), NOW)
    assert told(plan) == [(False, "Started")]
    said = actions(plan, Emit)[0].message
    assert said.startswith("Prepare has completed: ingest done; poses done. Reconstruct, attempt 1: Job statue-fit-")


def test_a_retry_is_a_warning_and_a_final_failure_says_what_to_do() -> None:
    seen = started(PREPARE)
    pod = ended(current(seen), 4, PodReport(failure=failure("DiskFull")))
    assert told(decide(with_pod(seen, pod, failed=True, ended=NOW), NOW)) == [(True, "DiskFull")]
    pod = ended(current(seen), 3, PodReport(failure=failure("EmptyMesh", retryable=False)))
    plan = decide(with_pod(seen, pod, failed=True, ended=NOW), NOW)
    assert told(plan) == [(True, "EmptyMesh")] and "fix it" in actions(plan, Emit)[0].message


def test_waiting_for_a_node_is_told_once() -> None:
    seen = started(PREPARE)
    pod = replace(
        pod_of(current(seen), "Pending"),
        scheduled=None,
        unscheduled_reason="Unschedulable",
        unscheduled_message="no GPU",
    )
    early, plan = settled(with_pod(seen, pod))
    assert told(plan) == []
    after, plan = settled(early, NOW + seconds(10))
    assert told(plan) == [(True, "Unschedulable")]
    assert told(decide(after, NOW + seconds(10))) == []


def test_suspending_and_resuming_are_told() -> None:
    seen = started(PREPARE)
    off, plan = settled(replace(seen, job=replace(seen.job, spec=spec_of(suspend=True), generation=2)))
    assert (False, "Suspended") in told(plan)
    _, plan = settled(replace(off, job=replace(off.job, spec=spec_of(), generation=3)))
    assert (False, "Resumed") in told(plan)
