"""A job's place among those that run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconstruction_operator.actions import CreateJob, Emit
from reconstruction_operator.decide import decide
from reconstruction_operator.model import Turn

from ..builders import (
    DELIVER,
    NOW,
    PREPARE,
    RECONSTRUCT,
    actions,
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
    spec_of,
    started,
    with_pod,
)

FULL = Turn(False, "profile", 2, 3)


def test_a_job_whose_turn_has_not_come_waits_and_says_which_limit_and_how_many_are_ahead() -> None:
    seen, plan = settled(observed(turn=FULL))
    assert actions(plan, CreateJob) == [] and plan.slot == "waiting"
    assert condition(seen.job.status, "Admitted") == ("False", "ConcurrencyLimit")
    assert condition(seen.job.status, "Reconciling") == ("True", "Waiting")
    text = message(seen.job.status, "Admitted")
    assert "2 jobs run at the same time" in text and "3 jobs of the namespace are ahead" in text
    assert [(emit.warning, emit.reason) for emit in actions(plan, Emit)] == [
        (False, "Accepted"),
        (False, "ConcurrencyLimit"),
    ]


@pytest.mark.parametrize(("ahead", "wait"), [(0, 30), (500, 600)])
def test_those_at_the_front_are_told_more_often(ahead: int, wait: int) -> None:
    assert decide(observed(turn=replace(FULL, ahead=ahead)), NOW).next_check == NOW + seconds(wait)


@pytest.mark.parametrize("scope", ["everywhere", "namespace", "profile", "profile in namespace"])
def test_every_limit_has_words(scope: str) -> None:
    seen, _ = settled(observed(turn=Turn(False, scope, 1, 0)))
    text = message(seen.job.status, "Admitted")
    assert "1 job" in text and "next in its namespace" in text


def test_a_job_takes_its_place_with_the_first_pod_and_keeps_it_between_classes() -> None:
    seen = started(PREPARE)
    assert seen.job.status.admission_time == "2026-03-01T12:00:00Z"
    done = with_pod(seen, ended(current(seen), 0, report_of(PREPARE)), succeeded=True, ended=NOW)
    after, plan = settled(replace(done, turn=FULL))
    assert len(actions(plan, CreateJob)) == 1 and plan.slot == "held"
    assert after.job.status.admission_time is not None


def test_a_job_keeps_its_place_while_it_waits_to_try_again() -> None:
    seen = started(PREPARE)
    pod = ended(current(seen), 4)
    after, _ = settled(replace(with_pod(seen, pod, failed=True, ended=NOW), turn=FULL))
    assert after.job.status.admission_time is not None
    plan = decide(after, NOW + seconds(700))
    assert len(actions(plan, CreateJob)) == 1


def test_a_job_that_is_done_gives_its_place_back() -> None:
    seen = started(DELIVER)
    after, plan = settled(with_pod(seen, ended(current(seen), 0, report_of(DELIVER)), succeeded=True, ended=NOW))
    assert (after.job.status.admission_time, plan.slot) == (None, "none")


def test_a_job_that_has_failed_gives_its_place_back() -> None:
    seen = started(PREPARE)
    report = report_of(PREPARE).model_copy(update={"failure": failure("EmptyMesh", retryable=False)})
    after, _ = settled(with_pod(seen, ended(current(seen), 3, report), failed=True, ended=NOW))
    assert after.job.status.failure is not None and after.job.status.admission_time is None


def test_a_suspended_job_gives_its_place_back_once_its_pod_has_stopped() -> None:
    seen = started(RECONSTRUCT)
    running = with_pod(seen, pod_of(current(seen)))
    asked = replace(running, job=replace(running.job, spec=spec_of(suspend=True), generation=2))
    stopping, plan = settled(asked)
    assert plan.slot == "held"
    stopped, plan = settled(replace(stopping, child_jobs=(), pods=()))
    assert (stopped.job.status.admission_time, plan.slot) == (None, "none")
    resumed = replace(stopped, job=replace(stopped.job, spec=spec_of(), generation=3), turn=FULL)
    assert decide(resumed, NOW).slot == "waiting"
