"""A job whose workspace is gone is changed: what it has published may be enough."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from reconstruction_api.names import ENV_JOB
from reconstruction_api.worker import Artifact
from reconstruction_operator.actions import CreateJob, Emit, EnsureClaim
from reconstruction_operator.decide import Plan
from reconstruction_operator.model import Observed
from reconstruction_operator.upstream_job import upstream_job_of

from ..builders import (
    DELIVER,
    NOW,
    actions,
    changed,
    condition,
    current,
    ended,
    report_of,
    seconds,
    settled,
    spec_of,
    started,
    with_pod,
    workspace,
)

FIELDS: dict[str, Any] = {
    "destination": {"uri": "s3://assets/statue/", "secretName": "write"},
    "retention": {"workspaceSeconds": 60},
}


def artifacts(uri: str = "s3://assets/statue/set/manifest.json") -> list[Artifact]:
    return [
        Artifact(
            name="manifest.json",
            format="JSON",
            uri=uri,
            size_bytes=1,
            sha256="0" * 64,
            media_type="application/json",
        )
    ]


def removed(uri: str = "s3://assets/statue/set/manifest.json", **fields: Any) -> Observed:
    """A job that has published, a day later, without its workspace."""
    spec = spec_of(**FIELDS | fields)
    seen = started(DELIVER, spec)
    report = report_of(DELIVER, spec).model_copy(update={"artifacts": artifacts(uri)})
    seen, _ = settled(with_pod(seen, ended(current(seen), 0, report), succeeded=True, ended=NOW))
    seen, _ = settled(seen, NOW + seconds(60))
    return settled(replace(seen, claim=None), NOW + seconds(86400))[0]


def with_format(seen: Observed, at: int = 90000, **fields: Any) -> tuple[Observed, Plan]:
    wanted = {"exports": [{"format": "GLB"}, {"format": "PLY"}]} | fields
    return settled(changed(seen, **FIELDS | wanted), NOW + seconds(at))


def classes(plan: Plan) -> list[str]:
    made = (each.manifest["metadata"]["labels"] for each in actions(plan, CreateJob))
    return [labels["reconstruction.dev/resource-class"] for labels in made]


def done_again(seen: Observed, at: int = 90100) -> Observed:
    """The pod that delivers has published another set."""
    assert seen.job.spec is not None
    report = report_of(DELIVER, seen.job.spec).model_copy(update={"artifacts": artifacts()})
    ending = with_pod(seen, ended(current(seen), 0, report), succeeded=True, ended=NOW + seconds(at))
    return settled(ending, NOW + seconds(at))[0]


def test_another_format_is_made_from_the_published_results_and_nothing_runs_from_the_photos() -> None:
    seen, plan = with_format(removed())
    assert classes(plan) == ["deliver"]
    assert len(actions(plan, EnsureClaim)) == 1
    assert seen.job.status.from_destination
    assert {run.completed for run in seen.job.status.runs if run.resource_class != DELIVER} == {True}
    reasons = [emit.reason for emit in actions(plan, Emit)]
    assert "FromDestination" in reasons and "WorkspaceGone" not in reasons


def test_that_the_workspace_is_gone_is_checked_first() -> None:
    _, plan = settled(changed(removed(), **FIELDS, exports=[{"format": "PLY"}]), NOW + seconds(90000))
    assert "claim" in [each.kind for each in plan.expects]


def test_a_pod_that_has_to_wait_starts_from_there_all_the_same() -> None:
    wanted = {"exports": [{"format": "PLY"}]}
    seen = replace(removed(), claim=workspace(deleting=True))
    seen, plan = settled(changed(seen, **FIELDS | wanted), NOW + seconds(90000))
    assert (classes(plan), seen.job.status.artifacts) == ([], [])
    _, plan = settled(replace(seen, claim=None), NOW + seconds(90001))
    assert classes(plan) == ["deliver"]


def test_what_needs_more_than_the_pod_that_delivers_starts_from_the_photos() -> None:
    _, plan = with_format(removed(), mesh={"targetFaces": 500})
    assert classes(plan) == ["prepare"]


def test_results_that_lie_elsewhere_are_no_start() -> None:
    seen = removed("pvc://statue-workspace/artifacts/manifest.json")
    assert classes(with_format(seen)[1]) == ["prepare"]


def order_and_volumes(plan: Plan) -> tuple[dict[str, Any], set[str]]:
    """What the pod is asked to do, and the Secrets and claims that it gets for it."""
    (made,) = actions(plan, CreateJob)
    pod = made.manifest["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    order = next(each["value"] for each in container["env"] if each["name"] == ENV_JOB)
    kinds = ((volume.get("secret", {}), volume.get("persistentVolumeClaim", {})) for volume in pod["volumes"])
    return json.loads(order), {secret.get("secretName") or claim.get("claimName", "") for secret, claim in kinds}


ELSEWHERE: dict[str, Any] = {"destination": {"uri": "s3://assets/elsewhere/", "secretName": "write-elsewhere"}}


def test_to_another_destination_go_the_results_of_the_one_before() -> None:
    seen, plan = settled(changed(removed(), **FIELDS | ELSEWHERE), NOW + seconds(90000))
    assert classes(plan) == ["deliver"]
    order, volumes = order_and_volumes(plan)
    assert order["earlierDestination"] == FIELDS["destination"]
    assert order["spec"]["destination"]["uri"] == "s3://assets/elsewhere/"
    assert {"write", "write-elsewhere"} <= volumes
    assert seen.job.status.published_to is not None and seen.job.status.published_to.uri == "s3://assets/statue/"


def test_from_a_claim_they_are_read_where_it_is_mounted() -> None:
    before: dict[str, Any] = {"destination": {"persistentVolumeClaim": {"claimName": "results"}}}
    seen = removed("pvc://results/set/manifest.json", **before)
    _, plan = settled(changed(seen, **FIELDS | ELSEWHERE), NOW + seconds(90000))
    assert classes(plan) == ["deliver"]
    order, volumes = order_and_volumes(plan)
    assert order["earlierDestination"] == before["destination"]
    assert "results" in volumes


def test_once_they_are_there_the_earlier_destination_is_no_more_asked_for() -> None:
    seen, _ = settled(changed(removed(), **FIELDS | ELSEWHERE), NOW + seconds(90000))
    assert seen.job.spec is not None
    report = report_of(DELIVER, seen.job.spec).model_copy(
        update={"artifacts": artifacts("s3://assets/elsewhere/set/manifest.json")}
    )
    ending = with_pod(seen, ended(current(seen), 0, report), succeeded=True, ended=NOW + seconds(90100))
    seen, _ = settled(ending, NOW + seconds(90100))
    assert seen.job.status.published_to is not None and seen.job.status.published_to.uri == "s3://assets/elsewhere/"
    _, plan = settled(changed(seen, **FIELDS | ELSEWHERE, bundle=True), NOW + seconds(90110))
    order, volumes = order_and_volumes(plan)
    assert "earlierDestination" not in order and "write" not in volumes


def test_with_its_workspace_a_pod_gets_nothing_of_the_earlier_destination() -> None:
    spec = spec_of(**FIELDS)
    seen = started(DELIVER, spec)
    report = report_of(DELIVER, spec).model_copy(update={"artifacts": artifacts()})
    seen, _ = settled(with_pod(seen, ended(current(seen), 0, report), succeeded=True, ended=NOW))
    _, plan = settled(changed(seen, **FIELDS | ELSEWHERE), NOW + seconds(10))
    assert classes(plan) == ["deliver"]
    order, volumes = order_and_volumes(plan)
    assert "earlierDestination" not in order and "write" not in volumes


def test_published_results_that_were_removed_are_no_start() -> None:
    seen = removed()
    status = seen.job.status.model_copy(update={"artifacts": []})
    assert classes(with_format(replace(seen, job=replace(seen.job, status=status)))[1]) == ["prepare"]


def test_the_workspace_that_holds_only_that_is_no_workspace_for_a_training() -> None:
    seen = done_again(with_format(removed())[0])
    assert condition(seen.job.status, "Succeeded")[0] == "True"
    assert seen.job.status.from_destination
    assert upstream_job_of(seen.job).files_gone
    after, plan = with_format(seen, 90110, mesh={"targetFaces": 500})
    assert classes(plan) == ["prepare"]
    assert after.job.status.from_destination is None
    assert not any(run.completed for run in after.job.status.runs)


def test_another_change_later_is_made_in_it() -> None:
    seen = done_again(with_format(removed())[0])
    _, plan = with_format(seen, 90110, bundle=True)
    assert classes(plan) == ["deliver"]
