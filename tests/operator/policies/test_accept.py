"""Whether a job may run, and with which profile."""

from __future__ import annotations

from dataclasses import replace

from reconstruction_operator.actions import CreateJob, DeleteJob
from reconstruction_operator.model import ProfileView
from reconstruction_operator.policies.control.accept import accept, profile_spec

from ..builders import (
    DELIVER,
    NOW,
    PROFILE_SPEC,
    RECONSTRUCT,
    actions,
    changed,
    cluster_profile,
    condition,
    current,
    ended,
    job_view,
    observed,
    pod_of,
    report_of,
    settled,
    spec_of,
    started,
    with_pod,
)


def test_a_job_with_a_profile_that_offers_its_engine_is_accepted() -> None:
    answer = accept(observed())
    assert (answer.accepted, answer.reason) == (True, "Accepted")
    assert answer.snapshot is not None and answer.snapshot.kind == "ClusterReconstructionProfile"


def test_a_missing_profile_is_named_together_with_those_there_are() -> None:
    answer = accept(observed(spec_of(profileName="big"), profile=None, profile_names=("default", "production")))
    assert (answer.accepted, answer.reason) == (False, "ProfileNotFound")
    assert "'big'" in answer.message and "default, production" in answer.message


def test_an_engine_that_the_profile_lacks_is_named_together_with_those_it_has() -> None:
    answer = accept(observed(spec_of(engine="splatfacto")))
    assert answer.failure is not None and answer.failure.code == "EngineUnavailable"
    assert "'splatfacto'" in answer.message and "nerfacto" in answer.message


def test_an_invalid_spec_is_refused_with_the_field() -> None:
    broken = replace(job_view(), spec=None, spec_error="spec.training.steps: too small")
    answer = accept(observed(job=broken))
    assert answer.reason == "InvalidSpec" and "training.steps" in answer.message


def test_a_profile_that_can_not_be_read_refuses_the_job_and_says_why() -> None:
    answer = accept(observed(profile=ProfileView("", "default", 1, {"engines": []})))
    assert answer.reason == "ProfileInvalid" and "engines" in answer.message


def test_an_edited_profile_does_not_change_an_accepted_job() -> None:
    accepted, _ = settled(observed())
    edited = replace(accepted, profile=cluster_profile(generation=2, sharedMemory="1Gi"))
    snapshot = accept(edited).snapshot
    assert snapshot is not None and snapshot.generation == 1


def test_a_deleted_profile_does_not_stop_an_accepted_job() -> None:
    accepted, _ = settled(observed())
    assert accept(replace(accepted, profile=None)).accepted


def test_a_changed_spec_takes_the_profile_as_it_is_now() -> None:
    accepted, _ = settled(observed())
    changed = replace(accepted, job=replace(accepted.job, generation=2), profile=cluster_profile(generation=7))
    snapshot = accept(changed).snapshot
    assert snapshot is not None and snapshot.generation == 7


def test_a_job_that_waited_for_its_profile_is_accepted_when_it_appears() -> None:
    waiting, _ = settled(observed(profile=None, profile_names=()))
    assert condition(waiting.job.status, "Accepted") == ("False", "ProfileNotFound")
    _, plan = settled(replace(waiting, profile=cluster_profile()))
    assert plan.status is not None and plan.status.failure is None
    assert condition(plan.status, "Accepted") == ("True", "Accepted")


def test_a_namespaced_profile_never_mounts_folders_of_the_node() -> None:
    spec = PROFILE_SPEC | {"hostPaths": [{"path": "/etc", "mountPath": "/etc"}], "environment": {"LD_PRELOAD": "x"}}
    snapshot = accept(observed(profile=ProfileView("museum", "default", 1, spec))).snapshot
    assert snapshot is not None
    profile = profile_spec(snapshot)
    assert profile.host_paths == [] and profile.environment == {}


TIGHTER = cluster_profile(generation=2, limits={"maxSteps": 100})


def test_a_running_job_can_be_suspended_whatever_became_of_its_profile() -> None:
    seen = started(RECONSTRUCT)
    seen, _ = settled(with_pod(seen, pod_of(current(seen))))
    after, plan = settled(replace(changed(seen, suspend=True), profile=TIGHTER))
    assert condition(after.job.status, "Suspended")[0] == "True"
    assert len(actions(plan, DeleteJob)) == 1


def test_a_job_that_is_no_longer_accepted_holds_no_hardware() -> None:
    seen = started(RECONSTRUCT)
    seen, _ = settled(with_pod(seen, pod_of(current(seen))))
    after, plan = settled(replace(changed(seen, pauseAfter="Mesh"), profile=TIGHTER))
    assert condition(after.job.status, "Accepted") == ("False", "LimitExceeded")
    assert len(actions(plan, DeleteJob)) == 1
    gone = replace(after, child_jobs=after.child_jobs[:-1], pods=())
    _, plan = settled(replace(changed(gone, pauseAfter="Train"), profile=cluster_profile(generation=3)))
    (again,) = actions(plan, CreateJob)
    assert again.manifest["metadata"]["name"] not in {child.name for child in seen.child_jobs}, "another attempt"


def test_a_spec_that_can_not_be_read_takes_nothing_from_what_is_known() -> None:
    """After a rollback of the operator, say, to one that does not know a value; it will be back."""
    seen = started(DELIVER)
    done, _ = settled(with_pod(seen, ended(current(seen), 0, report_of(DELIVER)), succeeded=True, ended=NOW))
    assert condition(done.job.status, "Succeeded") == ("True", "Completed")
    unread, plan = settled(replace(done, job=replace(done.job, spec=None, spec_error="spec.engine: unknown")))
    assert condition(unread.job.status, "Accepted") == ("False", "InvalidSpec")
    assert actions(plan, DeleteJob) == []
    known = {"conditions", "failure", "observed_generation"}
    assert unread.job.status.model_dump(exclude=known) == done.job.status.model_dump(exclude=known)
    back, plan = settled(replace(unread, job=replace(unread.job, spec=spec_of())))
    assert (actions(plan, CreateJob), actions(plan, DeleteJob)) == ([], [])
    assert condition(back.job.status, "Succeeded") == ("True", "Completed")
