"""A workspace whose volume is where no GPU is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.operator.builders import (
    NOW,
    PREPARE,
    RECONSTRUCT,
    Observed,
    actions,
    child_of,
    cluster_profile,
    condition,
    current,
    message,
    pod_of,
    seconds,
    settled,
    spec_of,
    started,
    with_pod,
    workspace,
)

from reconstruction_operator.actions import CreateJob, DeleteClaim, DeleteJob, EnsureClaim, Inquiry, Plan
from reconstruction_operator.decide import decide
from reconstruction_operator.policies.control.relocation import PATIENCE

ELSEWHERE = "0/2 nodes are available: 1 Insufficient nvidia.com/gpu, 1 node(s) had volume node affinity conflict."
PROFILE = cluster_profile(gpu={"limits": {"nvidia.com/gpu": 1}})
SEEN = NOW + seconds(10)
"""When an obstacle is first named."""
LATER = NOW + PATIENCE


def beside_a_free_gpu(spec: Any = None, profile: Any = PROFILE, **pod: Any) -> Observed:
    """The photos are prepared, and the pod that trains can't reach the volume."""
    seen = started(RECONSTRUCT, spec, profile=profile)
    seen = replace(seen, claim=workspace(volume="pv-a"))
    known: dict[str, Any] = {"scheduled": None, "unscheduled_reason": "Unschedulable", "unscheduled_message": ELSEWHERE}
    waiting = pod_of(current(seen), "Pending", **(known | pod))
    return with_pod(seen, waiting)


def status_of(plan: Plan) -> Any:
    assert plan.status is not None
    return plan.status


def test_the_obstacle_is_named_ahead_of_the_gpus() -> None:
    plan = decide(beside_a_free_gpu(), SEEN)
    assert condition(status_of(plan), "Admitted") == ("False", "WorkspaceElsewhere")
    assert Inquiry("PersistentVolume", "pv-a") in plan.inquiries and actions(plan, DeleteClaim) == []
    assert plan.next_check == LATER


def test_the_zone_of_the_volume_is_named_once_it_is_known() -> None:
    seen = replace(beside_a_free_gpu(), explanations={"pv-a": "zone a"})
    assert "volume (zone a) can't be reached" in message(status_of(decide(seen, SEEN)), "Admitted")


def test_until_then_the_node_that_used_it_is_named() -> None:
    seen = beside_a_free_gpu()
    pods = tuple(replace(pod, node="cpu-1") if pod.finished else pod for pod in seen.pods)
    assert "(where node cpu-1 is)" in message(status_of(decide(replace(seen, pods=pods), SEEN)), "Admitted")


def test_the_claim_is_given_up_and_the_photos_are_prepared_again_near_a_gpu() -> None:
    seen = beside_a_free_gpu()
    old = current(seen)
    after, plan = settled(seen, LATER)
    assert [each.uid for each in actions(plan, DeleteClaim)] == [seen.claim.uid if seen.claim else ""]
    assert old.job_name in [each.name for each in actions(plan, DeleteJob)] and actions(plan, CreateJob) == []
    assert status_of(plan).abandoned_workspace == "uid-of-claim"

    after = replace(after, claim=None, child_jobs=(), pods=())
    again = decide(after, LATER)
    [job] = actions(again, CreateJob)
    assert job.manifest["metadata"]["labels"]["reconstruction.dev/resource-class"] == PREPARE
    container = job.manifest["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"]["limits"] == {"nvidia.com/gpu": 1}
    assert len(actions(again, EnsureClaim)) == 1


def test_nothing_starts_in_the_old_workspace_when_its_deletion_failed() -> None:
    after, _ = settled(beside_a_free_gpu(), LATER)
    again = decide(replace(after, child_jobs=(), pods=()), LATER)
    assert actions(again, CreateJob) == [] and len(actions(again, DeleteClaim)) == 1


def test_it_is_given_up_only_once() -> None:
    seen = beside_a_free_gpu()
    status = seen.job.status.model_copy(update={"abandoned_workspace": "uid-of-an-earlier-claim"})
    plan = decide(replace(seen, job=replace(seen.job, status=status)), LATER)
    assert actions(plan, DeleteClaim) == [] and condition(status_of(plan), "Admitted")[1] == "WorkspaceElsewhere"


@pytest.mark.parametrize(
    "spec",
    [
        {"source": {"jobRef": {"name": "base", "reuse": "Poses"}}},
        {"suspend": True},
    ],
)
def test_what_can_not_be_repeated_or_is_held_is_kept(spec: dict[str, Any]) -> None:
    from tests.operator.builders import upstream_job

    seen = beside_a_free_gpu()
    changed = replace(seen, job=replace(seen.job, spec=spec_of(**spec)), upstream=upstream_job())
    assert actions(decide(changed, LATER), DeleteClaim) == []


def test_the_platform_may_forbid_it() -> None:
    profile = cluster_profile(gpu={"limits": {"nvidia.com/gpu": 1}}, workspace={"placement": "Any"})
    assert actions(decide(beside_a_free_gpu(profile=profile), LATER + seconds(3600)), DeleteClaim) == []


def test_a_checkpoint_is_never_thrown_away() -> None:
    seen = beside_a_free_gpu()
    run = current(seen).model_copy(update={"seconds": 60})
    runs = [each if each.resource_class != RECONSTRUCT else run for each in seen.job.status.runs]
    worked = replace(seen, job=replace(seen.job, status=seen.job.status.model_copy(update={"runs": runs})))
    assert child_of(run).name in {each.name for each in worked.child_jobs}
    assert actions(decide(worked, LATER + seconds(3600)), DeleteClaim) == []
