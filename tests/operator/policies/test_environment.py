"""The profile's environment: names in status, values in pods only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconstruction_api.status import ProfileSnapshot, ReconstructionJobStatus
from reconstruction_operator.actions import CreateJob, DeleteJob
from reconstruction_operator.decide import decide
from reconstruction_operator.model import Observed, ProfileView

from ..builders import (
    NOW,
    PREPARE,
    RECONSTRUCT,
    actions,
    carried_out,
    cluster_profile,
    condition,
    current,
    ended,
    message,
    observed,
    report_of,
    settled,
    started,
    with_pod,
)

SECRET = "hunter2-hunter2"


def profile(**values: str) -> ProfileView:
    return cluster_profile(environment=values)


def next_pod(seen: Observed) -> dict[str, str]:
    """Variables of the pod that trains, which is created after the first one has ended."""
    done = with_pod(seen, ended(current(seen), 0, report_of(PREPARE)), succeeded=True, ended=NOW)
    (job,) = actions(decide(done, NOW), CreateJob)
    variables = job.manifest["spec"]["template"]["spec"]["containers"][0]["env"]
    return {each["name"]: each["value"] for each in variables if not each["name"].startswith("RECONSTRUCTION_")}


def test_status_has_the_names_and_pods_have_the_values() -> None:
    seen = observed(profile=profile(API_TOKEN=SECRET))
    plan = decide(seen, NOW)
    assert plan.status is not None and plan.status.profile is not None
    assert plan.status.profile.spec["environment"] == {"API_TOKEN": ""}
    assert SECRET not in plan.status.model_dump_json()
    assert SECRET in str(actions(plan, CreateJob)[0].manifest)


def test_a_rotated_value_reaches_the_next_pod_and_a_variable_that_came_later_does_not() -> None:
    seen = replace(started(PREPARE, profile=profile(A="old", B="b")), profile=profile(A="new", LATER="x"))
    variables = next_pod(seen)
    assert variables["A"] == "new" and not {"B", "LATER"} & variables.keys()


def test_without_its_profile_a_job_makes_no_pod_and_goes_on_when_it_is_back() -> None:
    seen = replace(started(PREPARE, profile=profile(A="a")), profile=None)
    done = with_pod(seen, ended(current(seen), 0, report_of(PREPARE)), succeeded=True, ended=NOW)
    waiting, plan = settled(done)
    assert actions(plan, CreateJob) == []
    assert condition(waiting.job.status, "Admitted") == ("False", "ProfileNotFound")
    assert "(A)" in message(waiting.job.status, "Admitted") and waiting.job.status.failure is None
    (job,) = actions(decide(replace(waiting, profile=profile(A="a")), NOW), CreateJob)
    assert job.manifest["metadata"]["labels"]["reconstruction.dev/resource-class"] == RECONSTRUCT


def test_a_profile_without_environment_may_go_as_before() -> None:
    seen = replace(started(PREPARE), profile=None)
    assert "HOME" in next_pod(seen)


def test_the_values_are_those_of_the_pinned_profile_when_another_one_takes_its_name() -> None:
    """A ReconstructionProfile of the namespace hides the cluster's of the same name."""
    local = replace(profile(A="theirs"), namespace="museum")
    seen = replace(started(PREPARE, profile=profile(A="a")), profile=local, pinned_profile=profile(A="a"))
    assert next_pod(seen)["A"] == "a"


def old_status(seen: Observed, environment: Any) -> ReconstructionJobStatus:
    """As an earlier release has written it."""
    assert seen.job.status.profile is not None
    spec = seen.job.status.profile.spec | {"environment": environment}
    return seen.job.status.model_copy(
        update={
            "profile": ProfileSnapshot(kind="ClusterReconstructionProfile", name="default", generation=1, spec=spec)
        }
    )


@pytest.mark.parametrize("readable", [True, False], ids=["spec", "unreadable spec"])
def test_values_that_an_earlier_release_left_in_status_are_removed_and_nothing_is_run_again(readable: bool) -> None:
    seen = started(PREPARE, profile=profile(A=SECRET))
    job = replace(seen.job, status=old_status(seen, {"A": SECRET}))
    seen = replace(seen, job=job if readable else replace(job, spec=None, spec_error="spec.new: unknown"))
    plan = decide(seen, NOW)
    assert plan.status is not None and SECRET not in plan.status.model_dump_json()
    assert plan.status.runs == seen.job.status.runs
    if readable:
        assert actions(plan, CreateJob) == [] and actions(plan, DeleteJob) == []
        assert decide(carried_out(seen, plan), NOW).status is None, "one write is enough"
