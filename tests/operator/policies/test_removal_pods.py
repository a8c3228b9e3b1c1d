"""What goes by a pod: published results, checkpoints and artifacts of the workspace, each when its time is over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconstruction_api.lifecycle import Removal
from reconstruction_api.worker import Artifact
from reconstruction_operator.actions import CreateJob, DeleteClaim, DeleteJob, DeleteSelf, Emit
from reconstruction_operator.model import ChildJob, Observed

from ..builders import (
    DELIVER,
    NOW,
    actions,
    changed,
    current,
    ended,
    report_of,
    seconds,
    settled,
    spec_of,
    started,
    with_pod,
)
from ..samples import UID

DESTINATION = {"uri": "s3://assets/statue/", "secretName": "write"}


def done(destination: dict[str, Any] | None = DESTINATION, **retention: Any) -> Observed:
    """A job that has just succeeded, and has published."""
    spec = spec_of(retention=retention, **({"destination": destination} if destination else {}))
    seen = started(DELIVER, spec)
    artifact = Artifact(
        name="model.glb", format="GLB", uri="s3://assets/statue/set/model.glb", size_bytes=1, sha256="0" * 64,
        media_type="model/gltf-binary",
    )  # fmt: skip
    report = report_of(DELIVER, spec).model_copy(update={"artifacts": [artifact]})
    return settled(with_pod(seen, ended(current(seen), 0, report), succeeded=True, ended=NOW))[0]


def removal(created: CreateJob, **state: Any) -> ChildJob:
    metadata = created.manifest["metadata"]
    attempt = int(metadata["labels"]["reconstruction.dev/attempt"])
    return ChildJob(metadata["name"], f"uid-of-removal-{attempt}", UID, None, "removal", attempt, **state)


def expired() -> tuple[Observed, CreateJob]:
    """A minute later, when the first attempt to remove is made."""
    seen, plan = settled(done(publishedSeconds=60), NOW + seconds(60))
    (created,) = actions(plan, CreateJob)
    return seen, created


def test_nothing_is_removed_unless_somebody_has_said_when() -> None:
    _, plan = settled(done(jobSeconds=10**6), NOW + seconds(10**5))
    assert actions(plan, CreateJob) == []
    without, plan = settled(done(None, publishedSeconds=60), NOW + seconds(60))
    assert actions(plan, CreateJob) == []
    assert without.job.status.retention is None


def test_a_pod_removes_what_was_published_when_its_time_is_over() -> None:
    seen = done(publishedSeconds=60)
    _, early = settled(seen, NOW + seconds(59))
    assert (actions(early, CreateJob), early.next_check) == ([], NOW + seconds(60))
    _, created = expired()
    pod = created.manifest["spec"]["template"]["spec"]
    assert pod["containers"][0]["command"] == ["python3", "-m", "reconstruction_worker.unpublish"]
    assert "workspace" not in {volume["name"] for volume in pod["volumes"]}
    assert "destination-credentials" in {volume["name"] for volume in pod["volumes"]}
    assert not created.in_workspace and "suspend" not in created.manifest["spec"]


def test_when_it_has_ended_the_status_says_so_and_the_job_may_go() -> None:
    seen, created = expired()
    seen = replace(seen, removal_jobs=(removal(created, succeeded=True, ended=NOW + seconds(70)),))
    after, plan = settled(seen, NOW + seconds(70))
    assert after.job.status.retention is not None
    assert after.job.status.retention.published_removed_time == "2026-03-01T12:01:10Z"
    assert after.job.status.artifacts == []
    assert [job.name for job in actions(plan, DeleteJob)] == [created.manifest["metadata"]["name"]]
    assert "PublishedRemoved" in [emit.reason for emit in actions(plan, Emit)]
    _, later = settled(replace(after, removal_jobs=()), NOW + seconds(80))
    assert later.actions == ()


def test_an_attempt_that_failed_is_followed_by_another_after_a_while() -> None:
    seen, created = expired()
    seen = replace(seen, removal_jobs=(removal(created, failed=True, ended=NOW + seconds(70)),))
    waiting, plan = settled(seen, NOW + seconds(71))
    assert (actions(plan, CreateJob), plan.next_check) == ([], NOW + seconds(80))
    _, plan = settled(waiting, NOW + seconds(80))
    (second,) = actions(plan, CreateJob)
    assert second.manifest["metadata"]["labels"]["reconstruction.dev/attempt"] == "2"
    assert [job.name for job in actions(plan, DeleteJob)] == [created.manifest["metadata"]["name"]]
    assert any(emit.warning and "is tried again" in emit.message for emit in actions(plan, Emit))


def test_the_job_itself_stays_until_what_it_has_published_is_gone() -> None:
    seen, plan = settled(done(publishedSeconds=60, jobSeconds=60), NOW + seconds(60))
    (created,) = actions(plan, CreateJob)
    assert actions(plan, DeleteSelf) == []
    removed = replace(seen, removal_jobs=(removal(created, succeeded=True, ended=NOW + seconds(70)),))
    removed, _ = settled(removed, NOW + seconds(70))
    _, plan = settled(replace(removed, removal_jobs=()), NOW + seconds(71))
    assert len(actions(plan, DeleteSelf)) == 1


def test_while_it_is_being_removed_nothing_else_is_made() -> None:
    seen, created = expired()
    _, plan = settled(replace(seen, removal_jobs=(removal(created),)), NOW + seconds(3000))
    assert actions(plan, CreateJob) == []
    assert actions(plan, DeleteJob) == []


def test_a_cancelled_job_takes_back_what_it_has_published() -> None:
    """One that had published before, and was changed to run again."""
    fields: dict[str, Any] = {"destination": DESTINATION, "exports": [{"format": "PLY"}]}
    seen, _ = settled(changed(done(), **fields), NOW + seconds(10))
    seen, _ = settled(changed(seen, **fields, cancellation="Requested"), NOW + seconds(20))
    seen, plan = settled(changed(seen, **fields, cancellation="Confirmed"), NOW + seconds(30))
    kept = seen.job.status.retention
    assert kept is not None
    assert kept.published_expiry_time == "2026-03-01T12:00:30Z"
    assert actions(plan, CreateJob) == []  # the pod that works is stopped first
    seen, plan = settled(replace(seen, child_jobs=(), pods=()), NOW + seconds(40))
    assert [each.in_workspace for each in actions(plan, CreateJob)] == [False]


def succeeded(**retention: Any) -> Observed:
    return done(None, **retention)


def attempt_of(created: CreateJob, **state: Any) -> ChildJob:
    marks = created.manifest["metadata"]["labels"]
    digest, attempt = marks["reconstruction.dev/digest"], int(marks["reconstruction.dev/attempt"])
    return ChildJob(
        created.manifest["metadata"]["name"], f"uid-of-{digest}-{attempt}", UID, None, digest, attempt, **state
    )


@pytest.mark.parametrize(
    ("field", "part"), [("checkpointSeconds", "checkpoints"), ("artifactSeconds", "artifacts")], ids=str
)
def test_a_part_of_the_workspace_goes_by_a_pod_of_its_own(field: str, part: str) -> None:
    seen = succeeded(**{field: 60})
    _, early = settled(seen, NOW + seconds(59))
    assert (actions(early, CreateJob), early.next_check) == ([], NOW + seconds(60))
    seen, plan = settled(seen, NOW + seconds(60))
    (created,) = actions(plan, CreateJob)
    pod = created.manifest["spec"]["template"]["spec"]
    assert pod["containers"][0]["command"] == ["python3", "-m", "reconstruction_worker.tidying", part]
    assert "workspace" in {volume["name"] for volume in pod["volumes"]}
    seen = replace(seen, removal_jobs=(attempt_of(created, succeeded=True, ended=NOW + seconds(70)),))
    after, plan = settled(seen, NOW + seconds(70))
    kept = after.job.status.retention
    assert kept is not None
    assert kept.removal_of(Removal(part)) == "2026-03-01T12:01:10Z"
    assert kept.expiry_of(Removal(part)) is None
    assert f"{part.capitalize()}Removed" in [emit.reason for emit in actions(plan, Emit)]
    _, later = settled(replace(after, removal_jobs=()), NOW + seconds(10**6))
    assert later.actions == ()


def test_what_the_status_lists_goes_with_it() -> None:
    seen, plan = settled(succeeded(checkpointSeconds=60, artifactSeconds=60), NOW + seconds(60))
    for number in range(2):  # one pod at a time
        (created,) = actions(plan, CreateJob)
        moment = NOW + seconds(70 + number)
        seen, plan = settled(replace(seen, removal_jobs=(attempt_of(created, succeeded=True, ended=moment),)), moment)
    assert (seen.job.status.checkpoints, actions(plan, CreateJob)) == ([], [])
    kept = seen.job.status.retention
    assert kept is not None and kept.checkpoints_removed_time and kept.artifacts_removed_time


def test_a_workspace_that_is_gone_has_no_parts_to_remove() -> None:
    seen, _ = settled(succeeded(checkpointSeconds=120, workspaceSeconds=60), NOW + seconds(60))
    seen, plan = settled(replace(seen, claim=None), NOW + seconds(200))
    assert actions(plan, CreateJob) == []
    assert seen.job.status.retention is not None
    assert seen.job.status.retention.checkpoints_expiry_time is None


def test_a_pod_that_removes_lets_go_of_a_workspace_that_is_to_go() -> None:
    seen, plan = settled(succeeded(checkpointSeconds=60, workspaceSeconds=120), NOW + seconds(60))
    (created,) = actions(plan, CreateJob)
    _, plan = settled(replace(seen, removal_jobs=(attempt_of(created),)), NOW + seconds(120))
    assert created.manifest["metadata"]["name"] in [job.name for job in actions(plan, DeleteJob)]
    assert len(actions(plan, DeleteClaim)) == 1


def test_a_job_that_runs_again_waits_for_the_pod_that_removes() -> None:
    seen, plan = settled(succeeded(checkpointSeconds=60), NOW + seconds(60))
    (created,) = actions(plan, CreateJob)
    seen = replace(seen, removal_jobs=(attempt_of(created),))
    seen, plan = settled(changed(seen, exports=[{"format": "PLY"}]), NOW + seconds(70))
    assert [job.name for job in actions(plan, DeleteJob)][-1] == created.manifest["metadata"]["name"]
    assert actions(plan, CreateJob) == []
    _, plan = settled(replace(seen, removal_jobs=()), NOW + seconds(80))
    (made,) = actions(plan, CreateJob)
    assert made.manifest["metadata"]["labels"]["reconstruction.dev/resource-class"] == "deliver"


def test_a_failed_removal_holds_up_no_other() -> None:
    seen, plan = settled(
        done(publishedSeconds=60, checkpointSeconds=60),
        NOW + seconds(60),
    )
    (first,) = actions(plan, CreateJob)
    failed = attempt_of(first, failed=True, ended=NOW + seconds(70))
    _, plan = settled(replace(seen, removal_jobs=(failed,)), NOW + seconds(71))
    (second,) = actions(plan, CreateJob)
    assert second.manifest["metadata"]["labels"]["reconstruction.dev/digest"] == "checkpoints"
