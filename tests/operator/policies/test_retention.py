"""spec.retention, and what happens when the workspace is gone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reconstruction_operator.actions import CreateJob, DeleteClaim, DeleteJob, DeleteSelf, Emit
from reconstruction_operator.model import Observed

from ..builders import (
    DELIVER,
    NOW,
    PREPARE,
    RECONSTRUCT,
    actions,
    changed,
    condition,
    current,
    ended,
    message,
    report_of,
    seconds,
    settled,
    spec_of,
    started,
    with_pod,
    workspace,
)


def done(**retention: Any) -> Observed:
    """A job that has just succeeded."""
    spec = spec_of(retention=retention) if retention else spec_of()
    seen = started(DELIVER, spec)
    return settled(with_pod(seen, ended(current(seen), 0, report_of(DELIVER, spec)), succeeded=True, ended=NOW))[0]


def removed() -> Observed:
    """The same a day later, without its workspace."""
    seen, _ = settled(done(workspaceSeconds=60), NOW + seconds(60))
    return settled(replace(seen, claim=None), NOW + seconds(86400))[0]


def test_the_status_says_when_the_workspace_and_the_job_will_go() -> None:
    seen = done(workspaceSeconds=60, jobSeconds=3600)
    kept = seen.job.status.retention
    assert kept is not None
    assert (kept.workspace_expiry_time, kept.job_expiry_time) == ("2026-03-01T12:01:00Z", "2026-03-01T13:00:00Z")
    _, plan = settled(seen, NOW + seconds(1))
    assert plan.next_check == NOW + seconds(60) and actions(plan, DeleteClaim) == []


def test_the_workspace_goes_when_its_time_is_over_and_nothing_else() -> None:
    seen, plan = settled(done(workspaceSeconds=60, jobSeconds=3600), NOW + seconds(60))
    assert [claim.uid for claim in actions(plan, DeleteClaim)] == ["uid-of-claim"]
    assert len(actions(plan, DeleteJob)) == 3  # Kubernetes keeps the claim as long as pods name it
    assert [emit.reason for emit in actions(plan, Emit)] == ["WorkspaceRemoved"]
    status = seen.job.status
    assert (status.workspace_claim, status.artifacts) == (None, [])
    assert condition(status, "Succeeded") == ("True", "Completed")
    assert plan.next_check == NOW + seconds(3600)
    assert "was removed at" in message(removed().job.status, "Succeeded")


def test_the_job_goes_when_its_time_is_over_unless_it_has_changed_since() -> None:
    seen, plan = settled(done(jobSeconds=3600), NOW + seconds(3600))
    assert actions(plan, DeleteSelf) == [DeleteSelf(seen.job.uid, seen.job.resource_version)]


def test_nothing_goes_by_itself() -> None:
    _, plan = settled(done(), NOW + seconds(10**8))
    assert plan.actions == () and plan.next_check is None


def test_a_running_job_keeps_everything() -> None:
    spec = spec_of(retention={"workspaceSeconds": 0, "jobSeconds": 0})
    seen, plan = settled(started(RECONSTRUCT, spec), NOW + seconds(10**6))
    assert seen.job.status.retention is None
    assert actions(plan, DeleteClaim) == actions(plan, DeleteSelf) == []


def test_a_changed_retention_runs_nothing_again() -> None:
    seen, plan = settled(changed(done(workspaceSeconds=60), retention={"workspaceSeconds": 600}), NOW + seconds(30))
    kept = seen.job.status.retention
    assert actions(plan, CreateJob) == []
    assert kept is not None and kept.workspace_expiry_time == "2026-03-01T12:10:00Z"


def test_a_changed_export_after_the_workspace_is_gone_starts_from_the_photos() -> None:
    later = NOW + seconds(90000)
    seen, plan = settled(changed(removed(), exports=[{"format": "PLY"}]), later)
    (created,) = actions(plan, CreateJob)
    assert created.manifest["metadata"]["labels"]["reconstruction.dev/resource-class"] == "prepare"
    assert {stage.state.value for stage in seen.job.status.stages} == {"Pending"}
    assert not any(run.completed for run in seen.job.status.runs)
    assert "WorkspaceGone" in [emit.reason for emit in actions(plan, Emit)]
    assert (seen.job.status.retention, seen.job.status.completion_time) == (None, None)


def test_a_removed_workspace_does_not_trouble_a_job_that_is_done() -> None:
    seen, plan = settled(removed(), NOW + seconds(90000))
    assert condition(seen.job.status, "Succeeded")[0] == "True" and plan.actions == ()


def test_a_job_that_loses_its_workspace_half_way_starts_from_the_photos() -> None:
    seen = started(PREPARE)
    finished = with_pod(seen, ended(current(seen), 0, report_of(PREPARE)), succeeded=True, ended=NOW)
    after, plan = settled(replace(finished, claim=None))
    (created,) = actions(plan, CreateJob)
    assert created.manifest["metadata"]["labels"]["reconstruction.dev/resource-class"] == "prepare"
    assert not any(run.completed for run in after.job.status.runs)
    assert {stage.state.value for stage in after.job.status.stages} == {"Pending"}


def test_the_new_workspace_waits_for_the_old_one_to_be_gone() -> None:
    leaving = replace(removed(), claim=workspace(deleting=True))
    seen, plan = settled(changed(leaving, exports=[{"format": "PLY"}]), NOW + seconds(90000))
    assert actions(plan, CreateJob) == []
    assert "is being deleted" in message(seen.job.status, "Admitted")
    _, plan = settled(replace(seen, claim=None), NOW + seconds(90001))
    assert len(actions(plan, CreateJob)) == 1
