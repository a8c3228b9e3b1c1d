"""Which child Jobs come and go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconstruction_operator.actions import CreateJob, DeleteJob, EnsureClaim, ExpectAbsent
from reconstruction_operator.decide import decide
from reconstruction_operator.model import Observed, Refusal

from ..builders import (
    DELIVER,
    KEY,
    NOW,
    PREPARE,
    RECONSTRUCT,
    actions,
    changed,
    cluster_profile,
    condition,
    current,
    ended,
    observed,
    pod_of,
    report_of,
    seconds,
    settled,
    started,
    with_pod,
    workspace,
)


def finished(spec=None):
    seen = started(DELIVER, spec)
    done = with_pod(seen, ended(current(seen), 0, report_of(DELIVER, spec)), succeeded=True, ended=NOW)
    return settled(done)[0]


def started_classes(plan) -> list[str]:
    return [a.manifest["metadata"]["labels"]["reconstruction.dev/resource-class"] for a in actions(plan, CreateJob)]


def test_a_new_job_gets_its_workspace_and_its_first_child_job() -> None:
    plan = decide(observed(), NOW)
    assert [type(action) for action in plan.actions[:2]] == [EnsureClaim, CreateJob]
    assert started_classes(plan) == ["prepare"]


QUEUE = cluster_profile(queueNames=["gpus"])


def queued(**child: Any) -> Observed:
    """The child Job waits to be admitted by Kueue."""
    seen = started(PREPARE, profile=QUEUE)
    waiting = replace(seen.child_jobs[-1], queue="gpus", **({"suspended": True} | child))
    return replace(seen, child_jobs=(waiting,))


def test_a_job_in_a_queue_makes_no_workspace_and_checks_that_its_name_is_free() -> None:
    plan = decide(observed(profile=QUEUE), NOW)
    assert started_classes(plan) == ["prepare"] and not actions(plan, EnsureClaim)
    assert plan.expects == (ExpectAbsent("claim", "statue-workspace"),)
    assert plan.status is not None and plan.status.workspace_claim is None


def test_the_workspace_is_made_once_kueue_has_admitted_the_pod() -> None:
    seen, plan = settled(queued())
    assert not actions(plan, EnsureClaim)
    admitted = replace(seen, child_jobs=queued(suspended=False).child_jobs)
    after, plan = settled(admitted, NOW + seconds(1))
    assert len(actions(plan, EnsureClaim)) == 1 and not actions(plan, CreateJob)
    assert after.job.status.workspace_claim == "statue-workspace"
    assert not actions(decide(after, NOW + seconds(2)), EnsureClaim)


def test_later_pods_in_the_queue_use_the_workspace_that_is_there() -> None:
    seen = started(PREPARE, profile=QUEUE)
    seen = replace(seen, claim=workspace())
    done = with_pod(seen, ended(current(seen), 0, report_of(PREPARE)), succeeded=True, ended=NOW)
    plan = decide(done, NOW)
    assert started_classes(plan) == ["reconstruct"] and not actions(plan, EnsureClaim)
    assert "claim" not in [each.kind for each in plan.expects]


def test_a_pod_never_works_on_a_claim_that_somebody_made_while_it_was_queued() -> None:
    seen = replace(queued(suspended=False), claim=workspace(parent_uid="", job_name=""))
    plan = decide(seen, NOW + seconds(1))
    assert [each.name for each in actions(plan, DeleteJob)] == [seen.child_jobs[-1].name]
    assert not actions(plan, CreateJob)


def test_the_next_class_starts_in_the_decision_that_sees_the_last_one_done() -> None:
    seen = started(PREPARE)
    done = with_pod(seen, ended(current(seen), 0, report_of(PREPARE)), succeeded=True, ended=NOW)
    assert started_classes(decide(done, NOW)) == ["reconstruct"]


def test_a_pod_that_was_disrupted_after_its_worker_had_ended_is_replaced_so_its_job_goes_first() -> None:
    """Another container of the pod ran on; the Job controller knows only that the pod has to be made again."""
    seen = started(PREPARE)
    pod = replace(ended(current(seen), 0, report_of(PREPARE)), phase="Failed", disrupted=True)
    after, plan = settled(with_pod(seen, pod))
    assert after.job.status.runs[0].completed and started_classes(plan) == []
    assert [each.name for each in actions(plan, DeleteJob)] == [seen.child_jobs[-1].name]
    assert started_classes(decide(replace(after, child_jobs=()), NOW)) == ["reconstruct"]


@pytest.mark.parametrize(
    "change",
    [
        {"exports": [{"format": "OBJ"}]},
        {"exports": [{"format": "GLB"}, {"name": "web", "format": "GLB", "compression": "Meshopt"}, {"format": "FBX"}]},
        {"exports": [{"format": "GLB", "textureFormat": "WebP", "material": "Unlit", "targetFaces": 5000}]},
        {"report": {"audience": "Public"}},
    ],
)
def test_changed_exports_run_only_the_delivery_again_and_without_a_gpu(change: dict[str, Any]) -> None:
    plan = decide(changed(finished(), **change), NOW)
    assert started_classes(plan) == ["deliver"]
    (created,) = actions(plan, CreateJob)
    assert "nvidia.com/gpu" not in str(created.manifest)
    assert [action.name for action in actions(plan, DeleteJob)] == [current(finished()).job_name]


def test_changed_mesh_settings_do_not_estimate_poses_again() -> None:
    assert started_classes(decide(changed(finished(), mesh={"targetFaces": 500}), NOW)) == ["reconstruct"]


def test_changed_settings_that_no_stage_depends_on_run_nothing() -> None:
    plan = decide(changed(finished(), activeDeadlineSeconds=5000), NOW)
    assert started_classes(plan) == [] and actions(plan, DeleteJob) == []
    assert plan.status is not None and condition(plan.status, "Succeeded") == ("True", "Completed")


def test_a_change_back_and_forth_runs_the_class_each_time_under_a_new_name() -> None:
    before = finished()
    there, plan = settled(changed(before, exports=[{"format": "OBJ"}]))
    back, again = settled(changed(replace(there, child_jobs=(), pods=()), exports=[{"format": "GLB"}]))
    names = {a.manifest["metadata"]["name"] for each in (plan, again) for a in actions(each, CreateJob)}
    assert len(names | {current(before).job_name}) == 3
    assert current(back).attempt == 3


def test_a_change_while_a_later_class_runs_lets_it_stop_before_the_new_one_starts() -> None:
    seen = started(RECONSTRUCT)
    running = with_pod(seen, pod_of(current(seen)))
    stopping, plan = settled(changed(running, images={"maxSidePixels": 800}))
    assert started_classes(plan) == []
    assert len(actions(plan, DeleteJob)) == 2
    gone = replace(stopping, child_jobs=(), pods=())
    assert started_classes(decide(gone, NOW)) == ["prepare"]


def test_photos_changed_back_and_forth_do_not_keep_the_training_of_before() -> None:
    """The poses are estimated again, and training must see whether they are the same."""
    there, _ = settled(changed(finished(), images={"maxSidePixels": 800}))
    back, _ = settled(changed(replace(there, child_jobs=(), pods=())))
    assert [run.completed for run in back.job.status.runs] == [False, False, False]


def test_two_pods_never_share_the_workspace() -> None:
    seen = started(PREPARE)
    left_over = replace(seen, child_jobs=(), pods=(replace(pod_of(current(seen)), deleting=True),))
    plan = decide(left_over, NOW)
    assert started_classes(plan) == []
    assert plan.status is not None and condition(plan.status, "Admitted")[1] == "Stopping"


def test_what_the_api_server_refuses_is_said_and_asked_for_again_after_a_growing_pause() -> None:
    no = Refusal('jobs.batch "statue-prep" is forbidden: exceeded quota: team, requested: count/jobs.batch=1', 1, NOW)
    seen, plan = settled(observed(claim=workspace(), refusal=no))
    assert started_classes(plan) == []
    assert condition(seen.job.status, "Admitted") == ("False", "QuotaExceeded")
    assert plan.next_check is not None and seconds(4) < plan.next_check - NOW < seconds(6)
    again = decide(seen, plan.next_check)
    assert started_classes(again) == ["prepare"]
    assert again.status is not None and condition(again.status, "Admitted") == ("False", "QuotaExceeded")
    later = decide(replace(seen, refusal=replace(no, count=9)), NOW)
    assert later.next_check is not None and seconds(50) < later.next_check - NOW < seconds(70)


def test_a_claim_of_somebody_else_is_never_used() -> None:
    seen, plan = settled(observed(claim=workspace(parent_uid="")))
    assert started_classes(plan) == []
    assert condition(seen.job.status, "Admitted") == ("False", "WorkspaceInUse")
    assert plan.next_check == NOW + seconds(30)
    assert len(actions(plan, EnsureClaim)) == 1  # asks again: it may be free by then


def test_a_job_that_is_being_deleted_is_left_alone() -> None:
    seen = observed()
    plan = decide(replace(seen, job=replace(seen.job, deleting=True)), NOW)
    assert (plan.status, plan.actions, plan.next_check) == (None, (), None)


def test_a_workspace_that_is_lost_while_the_first_pod_waits_for_a_node_is_made_again() -> None:
    seen = started(PREPARE)
    waiting = replace(pod_of(current(seen), "Pending"), scheduled=None, unscheduled_message="no node")
    seen = replace(with_pod(seen, waiting), claim=None)
    after, plan = settled(seen)
    (action,) = actions(plan, EnsureClaim)
    assert action.manifest["metadata"]["name"] == "statue-workspace"
    assert actions(plan, DeleteJob) == [] and current(after).attempt == 1
    assert actions(decide(replace(after, claim=workspace()), NOW), EnsureClaim) == []


def test_a_workspace_that_may_not_be_made_again_is_asked_for_with_pauses() -> None:
    seen = started(PREPARE)
    waiting = replace(pod_of(current(seen), "Pending"), scheduled=None, unscheduled_message="no node")
    refused = Refusal("exceeded quota: team", 1, NOW)
    seen = replace(with_pod(seen, waiting), claim=None, refusal=refused)
    plan = decide(seen, NOW + seconds(1))
    assert actions(plan, EnsureClaim) == [] and plan.next_check is not None
    assert actions(decide(seen, plan.next_check), EnsureClaim)


def test_pods_that_no_watch_has_shown_are_asked_for_where_there_may_be_any() -> None:
    """Not in a job's usual life: that would be one more request for each class."""
    seen = observed()
    assert decide(seen, NOW).expects == ()
    seen = started(PREPARE)
    done = with_pod(seen, ended(current(seen), 0, report_of(PREPARE)), succeeded=True, ended=NOW)
    assert started_classes(decide(done, NOW)) == ["reconstruct"] and decide(done, NOW).expects == ()
    deleted = replace(started(RECONSTRUCT), child_jobs=(), pods=())
    assert ExpectAbsent("pods", KEY.name) in decide(deleted, NOW).expects
    taken_over = observed(claim=workspace())
    assert ExpectAbsent("pods", KEY.name) in decide(taken_over, NOW).expects
