"""Where the profile is kept that a job was accepted with."""

from __future__ import annotations

from dataclasses import replace

from reconstruction_api.profile_revision import digest_of, snapshot_in
from reconstruction_api.status import ProfileSnapshot
from reconstruction_operator.act import status_document
from reconstruction_operator.actions import DeleteJob, Emit, PinProfile
from reconstruction_operator.decide import decide
from reconstruction_operator.model import Observed
from reconstruction_operator.policies.control.pinning import LOST

from ..builders import (
    DELIVER,
    NOW,
    PREPARE,
    PROFILE_SPEC,
    actions,
    carried_out,
    changed,
    cluster_profile,
    current,
    ended,
    observed,
    report_of,
    settled,
    started,
    with_pod,
)


def finished_job() -> Observed:
    """A job that has completed."""
    seen = started(DELIVER)
    seen = with_pod(seen, ended(current(seen), 0, report_of(DELIVER)), succeeded=True, ended=NOW)
    seen, _ = settled(seen)
    assert seen.job.status.completion_time is not None
    return settled(seen)[0]


EDITED = cluster_profile(generation=2, imagePullPolicy="Always")


def with_status(seen: Observed, **fields: object) -> Observed:
    return replace(seen, job=replace(seen.job, status=seen.job.status.model_copy(update=fields)))


def of_an_earlier_release(seen: Observed) -> Observed:
    """The whole profile is in the status."""
    return with_status(seen, profile_revision=None)


def lost(seen: Observed) -> Observed:
    """The revision that the status names is gone."""
    return with_status(seen, profile=None)


def pinned(seen: Observed) -> tuple[PinProfile, dict[str, object]]:
    """What is stored, and what is written into the status."""
    plan = decide(seen, NOW)
    assert plan.pins is not None and plan.status is not None
    return plan.pins, status_document(seen.job, plan.status)["status"]


def accepted(seen: Observed) -> tuple[str, str]:
    """Reason and message of Accepted after the next decision."""
    status = decide(seen, NOW).status or seen.job.status
    condition = next(each for each in status.conditions if each.type == "Accepted")
    assert condition.status == "True"
    return condition.reason, condition.message


def test_an_accepted_job_keeps_its_profile_in_an_object_of_its_own_that_its_status_names() -> None:
    seen = observed()
    pin, status = pinned(seen)
    kept = status["profileRevision"]
    assert isinstance(kept, dict)
    assert (kept["kind"], kept["name"], kept["generation"]) == ("ClusterReconstructionProfile", "default", 1)
    assert kept["revision"] == pin.manifest["metadata"]["name"]
    assert pin.manifest["metadata"]["ownerReferences"][0]["uid"] == seen.job.uid
    found = snapshot_in(pin.manifest, str(kept["digest"]))
    assert found is not None and found.spec == PROFILE_SPEC
    assert "profile" not in status


def test_it_is_stored_once() -> None:
    seen = observed()
    seen = carried_out(seen, decide(seen, NOW))
    assert decide(seen, NOW).pins is None
    assert decide(started(PREPARE), NOW).pins is None


def test_a_changed_spec_is_accepted_with_the_profile_of_now() -> None:
    seen = changed(started(PREPARE), mesh={"targetFaces": 5000})
    first = seen.job.status.profile_revision
    pin, status = pinned(replace(seen, profile=EDITED))
    kept = status["profileRevision"]
    assert isinstance(kept, dict) and first is not None
    assert kept["generation"] == 2 and kept["revision"] not in ("", first.revision)
    assert pin.digest == kept["digest"]


def test_other_content_does_not_count_for_the_profile() -> None:
    pin, _ = pinned(observed())
    spec = PROFILE_SPEC | {"serviceAccountName": "admin"}
    forged = pin.manifest | {"data": {"profile": {**pin.manifest["data"]["profile"], "spec": spec}}}
    assert snapshot_in(forged, pin.digest) is None
    for broken in ({}, {"data": None}, {"data": []}, {"data": {"profile": "text"}}, {"data": {"profile": {"kind": 1}}}):
        assert snapshot_in(broken, pin.digest) is None


def test_after_an_upgrade_the_profile_moves_out_of_the_status_and_nothing_else_happens() -> None:
    seen = of_an_earlier_release(started(PREPARE))
    plan = decide(seen, NOW)
    assert plan.pins is not None and not plan.actions
    assert decide(carried_out(seen, plan), NOW).pins is None


def test_a_job_that_ended_under_an_earlier_release_is_left_as_it_is() -> None:
    plan = decide(of_an_earlier_release(finished_job()), NOW)
    assert (plan.status, plan.pins, plan.actions) == (None, None, ())


def test_after_a_rollback_and_back_a_job_goes_on_with_the_profile_of_now() -> None:
    """An earlier operator drops what it does not know, finds no profile, and takes the one of now."""
    seen = with_status(started(PREPARE), profile_revision=None, profile=None)
    assert not actions(decide(seen, NOW), DeleteJob)
    assert accepted(seen)[0] == "Accepted"


def test_a_restored_job_makes_a_revision_of_its_own() -> None:
    """Velero gives it another uid, and the restored revision has no owner."""
    seen = started(PREPARE)
    before = seen.job.status.profile_revision
    restored = replace(seen, job=replace(seen.job, uid="another"), child_jobs=(), pods=(), claim=None)
    pin, status = pinned(restored)
    assert before is not None and pin.manifest["metadata"]["name"] != before.revision
    assert pin.digest == before.digest, "with what it was accepted with"
    assert status["profileRevision"]["revision"] == pin.manifest["metadata"]["name"]  # type: ignore[index]


def test_a_lost_revision_is_told_and_the_job_goes_on_with_the_profile_of_now() -> None:
    seen = replace(lost(started(PREPARE)), profile=EDITED)
    plan = decide(seen, NOW)
    told = actions(plan, Emit)
    assert [(each.warning, each.reason) for each in told] == [(True, LOST)]
    assert not actions(plan, DeleteJob)
    revision = seen.job.status.profile_revision
    assert revision is not None and revision.revision in told[0].message
    assert plan.pins is not None and plan.pins.digest != revision.digest

    after = carried_out(seen, plan)
    assert accepted(after) == (LOST, told[0].message), "for as long as that profile counts"
    assert decide(after, NOW).status is None
    assert accepted(changed(after, mesh={"targetFaces": 5000}))[0] == "Accepted"


def test_a_lost_revision_without_a_profile_is_no_profile() -> None:
    plan = decide(replace(lost(started(PREPARE)), profile=None), NOW)
    assert plan.status is not None and plan.status.failure is not None
    assert plan.status.failure.code == "ProfileNotFound"


def test_a_job_that_has_ended_needs_its_revision_no_more() -> None:
    for profile in (EDITED, None):
        plan = decide(replace(lost(finished_job()), profile=profile), NOW)
        assert (plan.status, plan.pins, plan.actions) == (None, None, ())


def test_where_no_revision_can_be_made_the_profile_stays_in_the_status() -> None:
    seen = replace(observed(), unpinnable=True)
    plan = decide(seen, NOW)
    assert plan.pins is None and plan.status is not None
    status = status_document(seen.job, plan.status)["status"]
    assert status["profile"]["spec"] == PROFILE_SPEC and "profileRevision" not in status


def test_variables_have_no_values_there_either() -> None:
    seen = observed(profile=cluster_profile(environment={"API_TOKEN": "secret"}))
    pin, _ = pinned(seen)
    assert "secret" not in str(pin.manifest) and "API_TOKEN" in str(pin.manifest)


def test_the_digest_depends_on_content_alone() -> None:
    one = ProfileSnapshot(kind="a", name="b", generation=1, spec={"x": 1, "y": {"b": 1, "a": "ü"}})
    other = ProfileSnapshot(kind="a", name="b", generation=1, spec={"y": {"a": "ü", "b": 1}, "x": 1})
    assert digest_of(one) == digest_of(other) != digest_of(one.model_copy(update={"generation": 2}))
