"""A turn that is of no use to a job for whose pod there is no node."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconstruction_operator.actions import CreateJob, DeleteJob, Emit, ExpectAbsent, Plan
from reconstruction_operator.decide import decide
from reconstruction_operator.model import Observed, Refusal, ScaleUp, Turn
from reconstruction_operator.observe import order_of
from reconstruction_operator.policies.reporting.measures import measures

from ..builders import (
    NOW,
    PREPARE,
    RECONSTRUCT,
    actions,
    carried_out,
    child_of,
    cluster_profile,
    condition,
    current,
    message,
    pod_of,
    seconds,
    settled,
    started,
    with_pod,
)

WANTED = Turn(wanted=True)
NO_GPU = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
LATE = NOW + seconds(901)


def without_node(**fields: object) -> Observed:
    """The reconstruct pod was asked for at NOW, and no node takes it."""
    seen = started(RECONSTRUCT)
    pod = pod_of(current(seen), "Pending", scheduled=None, unscheduled_message=NO_GPU)
    seen = carried_out(with_pod(seen, pod), decide(with_pod(seen, pod), NOW))
    return replace(seen, **fields)  # type: ignore[arg-type]


def yielded(plan: Plan) -> bool:
    return plan.status is not None and plan.status.yield_time is not None


def test_after_a_while_without_a_node_the_turn_is_given_to_a_job_that_waits() -> None:
    seen = without_node(turn=WANTED)
    run = current(seen)
    after, plan = settled(seen, LATE)
    status = after.job.status
    assert [each.name for each in actions(plan, DeleteJob)] == [run.job_name]
    assert (status.admission_time, status.yield_time, plan.slot) == (None, "2026-03-01T12:15:01Z", "none")
    assert plan.expects == (ExpectAbsent("scale-up", seen.pods[-1].uid),)
    assert [(each.warning, each.reason) for each in actions(plan, Emit)] == [(True, "TurnYielded")]
    assert "within 900 s" in actions(plan, Emit)[0].message
    assert measures(seen, status, LATE).yielded


def test_it_is_no_attempt_and_no_interruption() -> None:
    after, _ = settled(without_node(turn=WANTED), LATE)
    run = current(after)
    assert (run.attempt, run.failures, run.interruptions, run.retry_after) == (2, 0, 0, None)
    assert run.trouble.startswith("GPUUnavailable: No node has a free GPU")


def test_it_then_waits_for_its_next_turn_and_says_what_it_lacked() -> None:
    after, _ = settled(without_node(turn=WANTED), LATE)
    full = Turn(False, "everywhere", 2, 4, 1)
    rests, plan = settled(replace(after, child_jobs=(), pods=(), turn=full), LATE)
    assert plan.slot == "waiting" and not actions(plan, CreateJob)
    text = message(rests.job.status, "Admitted")
    assert text.startswith("The cluster runs at most 2 jobs at the same time; 1 of them has no node. 4 jobs of")
    assert condition(rests.job.status, "Reconciling") == ("True", "Retrying")
    assert "No node has a free GPU" in message(rests.job.status, "Reconciling")
    again, plan = settled(replace(rests, turn=Turn()), LATE + seconds(60))
    assert len(actions(plan, CreateJob)) == 1 and plan.slot == "held"
    assert again.job.status.admission_time == "2026-03-01T12:16:01Z"


@pytest.mark.parametrize(("after_seconds", "wanted"), [(899, True), (901, False), (50_000, False)])
def test_it_keeps_its_turn_before_the_time_and_while_nobody_waits(after_seconds: float, wanted: bool) -> None:
    plan = decide(without_node(turn=Turn(wanted=wanted)), NOW + seconds(after_seconds))
    assert not yielded(plan) and not actions(plan, DeleteJob)


def test_others_are_told_that_it_has_no_node_and_when_its_turn_may_be_theirs() -> None:
    seen = without_node()
    places = [decide(seen, NOW + seconds(wait)).slot for wait in (5, 10, 899, 900)]
    assert places == ["held", "nodeless", "nodeless", "overdue"]
    assert decide(seen, NOW + seconds(60)).next_check == NOW + seconds(900)


def test_a_reported_scale_up_starts_the_time_anew() -> None:
    seen = without_node(turn=WANTED)
    reported = ScaleUp(NOW + seconds(600), "pod triggered scale-up: gpu 0->1")
    seen = replace(seen, scale_ups={seen.pods[-1].uid: reported})
    assert not yielded(decide(seen, NOW + seconds(1499)))
    assert yielded(decide(seen, NOW + seconds(1500)))


def test_a_scale_up_for_an_earlier_pod_is_none_for_this_one() -> None:
    seen = without_node(turn=WANTED, scale_ups={"another": ScaleUp(LATE, "")})
    assert yielded(decide(seen, LATE))


def test_a_pod_that_has_a_node_keeps_the_turn_however_long_it_takes_to_start() -> None:
    seen = without_node(turn=WANTED)
    scheduled = replace(seen, pods=(*seen.pods[:-1], replace(seen.pods[-1], scheduled=NOW)))
    assert not yielded(decide(scheduled, NOW + seconds(280)))
    assert decide(scheduled, NOW + seconds(280)).slot == "held"


def test_the_time_begins_when_a_pod_loses_its_node() -> None:
    """A preempted pod's replacement, and a Job that Kueue has taken back, have only just begun to wait."""
    seen = started(PREPARE)
    seen, _ = settled(with_pod(seen, pod_of(current(seen))))
    taken = replace(seen, child_jobs=tuple(replace(each, suspended=True, queue="q") for each in seen.child_jobs))
    taken = replace(taken, pods=(), turn=WANTED)
    later, plan = settled(taken, NOW + seconds(5000))
    assert not yielded(plan)
    assert not yielded(decide(later, NOW + seconds(5899)))
    assert yielded(decide(later, NOW + seconds(5900)))


def test_a_pod_that_the_cluster_refuses_to_create_yields_turn_as_well() -> None:
    seen = replace(started(PREPARE), turn=WANTED)
    assert not seen.pods and yielded(decide(seen, LATE))


def test_a_child_job_that_the_cluster_refuses_yields_turn_and_is_not_asked_for_meanwhile() -> None:
    seen = started(PREPARE)
    seen = replace(seen, child_jobs=(), turn=WANTED, refusal=Refusal("exceeded quota: team", 9, NOW))
    after, plan = settled(seen, LATE)
    assert yielded(plan) and not actions(plan, CreateJob) and after.job.status.admission_time is None
    assert current(after).attempt == current(seen).attempt


def test_the_place_in_the_line_is_behind_all_that_waited_and_counts_until_a_pod_has_a_node() -> None:
    after, _ = settled(without_node(turn=WANTED), LATE)
    order = order_of(after, "2026-03-01T12:00:00Z")
    assert (order.since, order.yielded) == ("2026-03-01T12:15:01Z", True)
    rests, _ = settled(replace(after, child_jobs=(), pods=()), LATE)
    run = current(rests)
    pending = replace(rests, child_jobs=(child_of(run),), pods=(pod_of(run, "Pending", scheduled=None),))
    assert settled(pending, LATE)[0].job.status.yield_time is not None
    placed = replace(pending, pods=(pod_of(run),))
    assert settled(placed, LATE)[0].job.status.yield_time is None


def test_an_urgent_job_that_yielded_is_not_urgent_until_it_has_a_node() -> None:
    seen = without_node()
    spec = seen.job.spec.model_copy(update={"priority_class_name": "urgent"}) if seen.job.spec else None
    profile = cluster_profile(priorityClassNames=["urgent"])
    seen = replace(seen, job=replace(seen.job, spec=spec), profile=profile)
    assert order_of(seen, "a").urgency == 0
    status = seen.job.status.model_copy(update={"yield_time": "2026-03-01T12:15:01Z"})
    assert order_of(replace(seen, job=replace(seen.job, status=status)), "a").urgency == 1
