"""A source on a claim that another pod uses on another node: waited for without a pod and without a turn."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconstruction_operator.actions import CreateJob, DeleteJob, Emit
from reconstruction_operator.decide import decide
from reconstruction_operator.model import Observed

from ..builders import (
    NOW,
    PREPARE,
    RECONSTRUCT,
    actions,
    condition,
    current,
    message,
    pod_of,
    seconds,
    settled,
    spec_of,
    started,
    upstream_job,
    with_pod,
    workspace,
)

SPEC = spec_of(source={"jobRef": {"name": "base"}})
ONE_POD = (
    "0/2 nodes are available: 2 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod "
    "access mode."
)
ATTACHED = 'Multi-Attach error for volume "pvc-base" Volume is already used by pod(s) base-rec-x7k2p'


def starting(said: str, volume: str = "pvc-mine") -> Observed:
    """The first pod has a node, and an Event."""
    seen = started(PREPARE, SPEC, upstream=upstream_job())
    pod = pod_of(current(seen), "Pending")
    return replace(with_pod(seen, pod), claim=workspace(volume=volume), explanations={pod.uid: said})


def unscheduled(message: str) -> Observed:
    seen = started(PREPARE, SPEC, upstream=upstream_job())
    return with_pod(seen, pod_of(current(seen), "Pending", scheduled=None, unscheduled_message=message))


def gone(seen: Observed, **fields: object) -> Observed:
    """Its child Job and its pod have been deleted."""
    return replace(seen, child_jobs=(), pods=(), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("seen", [unscheduled(ONE_POD), starting(ATTACHED)], ids=["one pod", "one node"])
def test_the_pod_goes_and_the_job_waits_without_a_turn(seen: Observed) -> None:
    after, plan = settled(seen, NOW + seconds(11))
    assert [each.name for each in actions(plan, DeleteJob)] == [current(seen).job_name]
    assert condition(after.job.status, "Admitted") == ("False", "SourceInUse")
    assert [(each.warning, each.reason) for each in actions(plan, Emit)] == [(True, "SourceInUse")]
    assert plan.slot != "none", "its pod has not stopped yet"
    rests, plan = settled(gone(after), NOW + seconds(14))
    assert (rests.job.status.admission_time, plan.slot) == (None, "none") and not actions(plan, CreateJob)
    run = current(rests)
    assert (run.attempt, run.failures, run.interruptions, run.source_waits) == (2, 0, 0, 1)
    assert "The cluster says: " in message(rests.job.status, "Admitted")


def test_another_pod_is_tried_after_a_pause_that_grows() -> None:
    after, _ = settled(unscheduled(ONE_POD), NOW + seconds(11))
    rests, plan = settled(gone(after), NOW + seconds(14))
    assert plan.next_check is not None and 25 < (plan.next_check - NOW - seconds(11)).total_seconds() < 35
    again, plan = settled(rests, plan.next_check)
    assert len(actions(plan, CreateJob)) == 1 and again.job.status.admission_time is not None
    pod = pod_of(current(again), "Pending", scheduled=None, unscheduled_message=ONE_POD)
    late, _ = settled(with_pod(again, pod), NOW + seconds(90))
    _, plan = settled(gone(late), NOW + seconds(91))
    assert plan.next_check is not None and plan.next_check > NOW + seconds(90 + 50)


def test_while_it_is_known_who_uses_the_claim_none_is_tried() -> None:
    after, _ = settled(starting(ATTACHED), NOW + seconds(11))
    rests = gone(after, source_users=("base-rec-x7k2p",))
    later, plan = settled(rests, NOW + seconds(3000))
    assert not actions(plan, CreateJob) and plan.next_check == NOW + seconds(3030)
    assert "by base-rec-x7k2p" in message(later.job.status, "Admitted")
    assert len(actions(decide(gone(later, source_users=()), NOW + seconds(3030)), CreateJob)) == 1


def test_a_pod_that_runs_ends_the_wait() -> None:
    after, _ = settled(starting(ATTACHED), NOW + seconds(11))
    again, _ = settled(gone(after), NOW + seconds(60))
    runs, _ = settled(with_pod(again, pod_of(current(again))), NOW + seconds(70))
    assert current(runs).source_waits == 0


def test_the_jobs_own_volume_on_another_node_is_no_source() -> None:
    plan = decide(starting(ATTACHED, volume="pvc-base"), NOW + seconds(11))
    assert not actions(plan, DeleteJob)
    assert plan.status is not None and condition(plan.status, "Admitted") == ("True", "PodNotStarting")


def test_pods_that_read_no_source_do_not_wait_for_one() -> None:
    seen = started(RECONSTRUCT, SPEC, upstream=upstream_job())
    pod = pod_of(current(seen), "Pending", scheduled=None, unscheduled_message=ONE_POD)
    assert not actions(decide(with_pod(seen, pod), NOW + seconds(11)), DeleteJob)
