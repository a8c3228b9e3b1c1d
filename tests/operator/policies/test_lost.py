"""A pod that should have stopped and does not: its node is lost."""

from __future__ import annotations

from dataclasses import replace

from reconstruction_operator.actions import DeleteJob, DeletePod
from reconstruction_operator.decide import decide
from reconstruction_operator.model import Observed

from ..builders import (
    NOW,
    RECONSTRUCT,
    actions,
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


def cut_off(**fields) -> Observed:
    """A pod that was to be gone at NOW, on a node that does not answer."""
    seen = started(RECONSTRUCT, **fields)
    return with_pod(seen, replace(pod_of(current(seen)), deleting=True, disrupted=True, stop_by=NOW, node="node-7"))


def test_a_pod_that_is_about_to_stop_still_runs() -> None:
    after, plan = settled(cut_off(), NOW + seconds(5))
    assert condition(after.job.status, "Admitted") == ("True", "Running")
    assert plan.next_check == NOW + seconds(15)


def test_a_pod_that_does_not_stop_is_waited_for_and_the_job_says_why() -> None:
    after, plan = settled(cut_off(), NOW + seconds(16))
    assert condition(after.job.status, "Admitted") == ("False", "NodeLost")
    assert "node-7 does not confirm it" in message(after.job.status, "Admitted")
    assert condition(after.job.status, "Reconciling") == ("True", "Waiting")
    assert actions(plan, DeletePod) == [] and actions(plan, DeleteJob) == []
    assert plan.next_check == NOW + seconds(300)


def test_a_lost_pod_is_given_up_and_its_work_goes_on_without_counting_an_attempt() -> None:
    seen = cut_off()
    pod = seen.pods[-1]
    after, plan = settled(seen, NOW + seconds(301))
    assert actions(plan, DeletePod) == [DeletePod(pod.name, pod.uid, 0)]
    assert [each.name for each in actions(plan, DeleteJob)] == [seen.child_jobs[-1].name]
    run = current(after)
    assert (run.attempt, run.failures, run.interruptions) == (2, 0, 1)
    assert "lost with its node node-7" in run.trouble


def test_time_after_the_loss_does_not_count_as_running() -> None:
    after, _ = settled(cut_off(), NOW + seconds(301))
    assert current(after).seconds == 0


def test_on_a_volume_that_many_nodes_may_write_nothing_is_removed_by_force() -> None:
    profile = cluster_profile(workspace={"size": "1Gi", "accessModes": ["ReadWriteMany"]})
    seen = cut_off(profile=profile)
    after, plan = settled(seen, NOW + seconds(301))
    assert actions(plan, DeletePod) == []
    assert condition(after.job.status, "Admitted") == ("False", "NodeLost")
    assert "ReadWriteMany" in message(after.job.status, "Admitted")


def test_a_pod_of_a_suspended_job_is_given_up_as_well() -> None:
    seen = cut_off()
    seen = replace(seen, child_jobs=())
    assert actions(decide(seen, NOW + seconds(301)), DeletePod)
