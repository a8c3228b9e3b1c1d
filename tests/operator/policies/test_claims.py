"""Whose the workspace is, and what happens when it is not there."""

from __future__ import annotations

from dataclasses import replace

from reconstruction_operator.actions import AdoptClaim, CreateJob, DeleteClaim, DeleteJob, EnsureClaim, ExpectAbsent
from reconstruction_operator.decide import decide

from ..builders import (
    DELIVER,
    KEY,
    NOW,
    PREPARE,
    RECONSTRUCT,
    UID,
    actions,
    condition,
    current,
    ended,
    message,
    observed,
    pod_of,
    report_of,
    seconds,
    settled,
    started,
    with_pod,
    workspace,
)


def test_a_restored_workspace_is_taken_over_before_anything_starts_in_it() -> None:
    seen = observed(claim=workspace(parent_uid="", job_name=KEY.name))
    after, plan = settled(seen)
    [adopted] = actions(plan, AdoptClaim)
    assert (adopted.name, adopted.uid) == ("statue-workspace", "uid-of-claim")
    assert adopted.owner["uid"] == UID and adopted.owner["controller"] is True
    assert adopted.labels["reconstruction.dev/job-uid"] == UID
    assert actions(plan, CreateJob) == []
    assert condition(after.job.status, "Admitted") == ("False", "WorkspaceInUse")
    mine = replace(after, claim=workspace(job_name=KEY.name))
    assert len(actions(decide(mine, NOW), CreateJob)) == 1 and actions(decide(mine, NOW), AdoptClaim) == []


def test_the_workspace_of_a_restored_job_that_has_ended_is_taken_over_as_well() -> None:
    seen = started(DELIVER)
    done, _ = settled(with_pod(seen, ended(current(seen), 0, report_of(DELIVER)), succeeded=True, ended=NOW))
    restored = replace(done, claim=workspace(parent_uid="", job_name=KEY.name))
    assert len(actions(decide(restored, NOW), AdoptClaim)) == 1


def test_a_claim_of_somebody_else_is_left_alone() -> None:
    for claim in (
        workspace(parent_uid="another-controller", job_name=KEY.name),
        workspace(parent_uid="", job_name=""),
        workspace(parent_uid="", job_name=KEY.name, deleting=True),
    ):
        plan = decide(observed(claim=claim), NOW)
        assert actions(plan, AdoptClaim) == [] and actions(plan, CreateJob) == []


def test_a_claim_that_is_being_deleted_with_an_earlier_job_is_not_told_to_be_deleted() -> None:
    after, _ = settled(observed(claim=workspace(parent_uid="earlier", job_name=KEY.name, deleting=True)))
    assert "of an earlier job of this name is being deleted" in message(after.job.status, "Admitted")


def test_that_the_workspace_is_gone_is_checked_before_all_is_made_again() -> None:
    seen = replace(started(RECONSTRUCT), claim=None)
    plan = decide(seen, NOW)
    assert plan.expects == (ExpectAbsent("claim", "statue-workspace"),)
    assert decide(started(RECONSTRUCT), NOW).expects == ()


def test_that_a_report_is_gone_is_checked_before_the_work_is_repeated() -> None:
    seen = started(PREPARE)
    child = replace(seen.child_jobs[-1], succeeded=True, ended=NOW)
    lost = replace(seen, child_jobs=(child,), pods=())
    plan = decide(lost, NOW + seconds(60))
    assert ExpectAbsent("report", child.name) in plan.expects


def test_a_lost_volume_is_replaced_and_everything_made_again() -> None:
    seen = started(RECONSTRUCT)
    waiting = with_pod(seen, replace(pod_of(current(seen), "Pending"), scheduled=None))
    lost = replace(waiting, claim=workspace(phase="Lost"))
    after, plan = settled(lost)
    assert len(actions(plan, DeleteClaim)) == 1 and actions(plan, CreateJob) == []
    assert current(seen).job_name in {each.name for each in actions(plan, DeleteJob)}
    assert any(getattr(each, "reason", "") == "WorkspaceLost" for each in plan.actions)
    again = decide(replace(after, claim=None, child_jobs=(), pods=()), NOW)
    assert len(actions(again, EnsureClaim)) == len(actions(again, CreateJob)) == 1


def test_a_volume_lost_before_anything_was_finished_is_replaced_once() -> None:
    seen = started(PREPARE)
    waiting = with_pod(seen, replace(pod_of(current(seen), "Pending"), scheduled=None))
    first, plan = settled(replace(waiting, claim=workspace(phase="Lost")))
    assert len(actions(plan, DeleteClaim)) == 1
    attempt = current(first).attempt
    second, _ = settled(replace(first, child_jobs=(), pods=()))
    assert current(second).attempt == attempt


def test_a_pod_that_has_a_lost_volume_mounted_may_finish() -> None:
    seen = started(RECONSTRUCT)
    running = replace(with_pod(seen, pod_of(current(seen))), claim=workspace(phase="Lost"))
    plan = decide(running, NOW)
    assert actions(plan, DeleteClaim) == [] and actions(plan, DeleteJob) == []
