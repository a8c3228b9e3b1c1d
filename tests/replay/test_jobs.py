"""Jobs of an earlier release under a later operator: nothing is run, stopped or deleted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconstruction_api import baseline
from reconstruction_api.first_release import FIRST_STAGES
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import ResourceClass, StageName, stage_digests
from reconstruction_api.status import ReconstructionJobStatus
from reconstruction_api.stored import read_status
from reconstruction_operator.actions import CreateJob, Plan
from reconstruction_operator.decide import decide
from reconstruction_operator.model import Observed
from reconstruction_operator.policies.control.renewal import spec_digest

from .recorded import FIRST, JOBS, RELEASES, Later, job

NAMES = [file.stem for file in JOBS]
later = pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)


def carried_out(seen: Observed, plan: Plan) -> Observed:
    """The status was written, and read again."""
    if plan.status is None:
        return seen
    raw = plan.status.model_dump(mode="json", by_alias=True, exclude_none=True)
    return replace(seen, job=replace(seen.job, status=ReconstructionJobStatus.model_validate(raw)))


def changed(seen: Observed, **fields: Any) -> Observed:
    """After a change of the spec."""
    assert seen.job.spec is not None
    document = seen.job.spec.model_dump(mode="json", by_alias=True, exclude_none=True) | fields
    spec = ReconstructionJobSpec.model_validate({name: value for name, value in document.items() if value is not None})
    return replace(seen, job=replace(seen.job, spec=spec, generation=seen.job.generation + 1))


def started(plan: Plan) -> list[str]:
    return [
        each.manifest["metadata"]["labels"]["reconstruction.dev/resource-class"]
        for each in plan.actions
        if isinstance(each, CreateJob)
    ]


@later
@pytest.mark.parametrize("name", NAMES)
def test_a_later_operator_does_nothing_to_a_job_that_has_not_changed(
    name: str, release: Later, monkeypatch: pytest.MonkeyPatch
):
    release.apply(monkeypatch)
    seen, now = job(name)
    first = decide(seen, now)
    assert first.actions == ()
    before, after = seen.job.status, first.status or seen.job.status
    for kept in ("runs", "artifacts", "metrics", "failure", "completion_time", "stage", "spec_digest"):
        assert getattr(after, kept) == getattr(before, kept)
    assert [(each.name, each.state, each.digest) for each in after.stages] == [
        (each.name, each.state, each.digest) for each in before.stages
    ]
    second = decide(carried_out(seen, first), now)
    assert (second.status, second.actions) == (None, ()), "and it has settled"


@later
@pytest.mark.parametrize("name", NAMES)
def test_a_plan_outlives_the_release_after_the_next(name: str, release: Later, monkeypatch: pytest.MonkeyPatch):
    seen, now = job(name)
    adopted = carried_out(seen, decide(seen, now))
    release.apply(monkeypatch)
    assert decide(adopted, now).actions == ()


@later
def test_a_change_of_the_exports_delivers_again_and_no_more(release: Later, monkeypatch: pytest.MonkeyPatch):
    seen, now = job("finished")
    adopted = carried_out(seen, decide(seen, now))
    release.apply(monkeypatch)
    plan = decide(changed(adopted, exports=[{"format": "OBJ"}]), now)
    assert started(plan) == ["deliver"]
    assert plan.status is not None
    earlier = {run.resource_class: run for run in seen.job.status.runs}
    assert plan.status.runs[:2] == [earlier[ResourceClass.PREPARE], earlier[ResourceClass.RECONSTRUCT]]


@later
def test_a_change_that_no_operator_saw_before_the_upgrade_goes_as_far(release: Later, monkeypatch: pytest.MonkeyPatch):
    release.apply(monkeypatch)
    seen, now = job("finished")
    assert started(decide(changed(seen, exports=[{"format": "OBJ"}]), now)) == ["deliver"]


@later
@pytest.mark.parametrize("name", ["failed", "finished", "finished-without-workspace", "cancelled"])
def test_a_change_of_what_becomes_of_a_job_starts_nothing(name: str, release: Later, monkeypatch: pytest.MonkeyPatch):
    release.apply(monkeypatch)
    seen, now = job(name)
    plan = decide(changed(seen, retention={"workspaceSeconds": 86400, "jobSeconds": 86400}), now)
    assert started(plan) == []


def test_a_suspended_job_goes_on_with_the_class_it_was_in():
    seen, now = job("suspended")
    plan = decide(changed(seen, suspend=False), now)
    assert started(plan) == ["reconstruct"]
    assert plan.status is not None
    assert [run.digest for run in plan.status.runs] == [run.digest for run in seen.job.status.runs]


def test_a_new_stage_runs_for_a_job_that_is_changed_to_ask_for_it(monkeypatch: pytest.MonkeyPatch):
    seen, now = job("finished")
    adopted = carried_out(seen, decide(seen, now))
    RELEASES[1].apply(monkeypatch)
    plan = decide(changed(adopted, mesh={"targetFaces": 777, "textureSize": 2048}), now)
    assert started(plan) == ["reconstruct"]
    assert plan.status is not None and plan.status.plan is not None
    stages = {stage.name: stage for stage in plan.status.plan.stages}
    before = {stage.name: stage.digest for stage in seen.job.status.stages}
    assert list(stages) == ["ingest", "poses", "train", "polish", "evaluate", "mesh", "texture", "export", "report"]
    assert {name for name in before if stages[name].digest == before[name]} == {"ingest", "poses", "train", "evaluate"}
    assert stages["report"].needs == ["evaluate", "export", "polish"]


def test_newer_code_is_planned_for_what_a_change_concerns_and_for_nothing_else(monkeypatch: pytest.MonkeyPatch):
    seen, now = job("finished")
    adopted = carried_out(seen, decide(seen, now))
    old = {stage.name: stage.code_version for stage in adopted.job.status.plan.stages}  # type: ignore[union-attr]
    next(each for each in RELEASES if each.name == "newer code").apply(monkeypatch)
    plan = decide(changed(adopted, mesh={"targetFaces": 100_000, "textureSize": 512}), now)
    assert plan.status is not None and plan.status.plan is not None
    raised = {stage.name for stage in plan.status.plan.stages if stage.code_version > old[stage.name]}
    assert raised == {"texture", "export", "report"}


@pytest.mark.parametrize("name", NAMES)
def test_a_status_without_its_plan_after_a_rollback_is_given_the_same_again(name: str):
    seen, now = job(name)
    adopted = carried_out(seen, decide(seen, now))
    rolled_back = adopted.job.status.model_copy(update={"plan": None, "defaults": {}, "engine": None})
    returned = replace(adopted, job=replace(adopted.job, status=rolled_back))
    plan = decide(returned, now)
    assert plan.actions == ()
    assert (plan.status or rolled_back).plan == adopted.job.status.plan


def test_a_plan_of_a_later_release_is_kept_to_and_kept(monkeypatch: pytest.MonkeyPatch):
    """A stage, a class of stages, and fields that this release does not know: an operator that was rolled back."""
    with pytest.MonkeyPatch.context() as upgraded:
        RELEASES[1].apply(upgraded)
        seen, now = job("finished")
        seen = carried_out(seen, decide(seen, now))
        seen = changed(seen, mesh={"targetFaces": 777, "textureSize": 2048})
        running = carried_out(seen, decide(seen, now))
    status = running.job.status
    assert status.plan is not None and any(stage.name == "polish" for stage in status.plan.stages)
    planned = decide(replace(running, child_jobs=(), pods=()), now)
    assert started(planned) == ["reconstruct"]
    after = planned.status or status
    assert after.plan == status.plan
    assert [run.digest for run in after.runs] == [run.digest for run in status.runs]


@pytest.mark.parametrize("name", ["finished", "finished-odd", "running-reconstruct-odd"])
def test_a_changed_default_does_not_reach_jobs_that_have_the_old_value_stored(
    name: str, monkeypatch: pytest.MonkeyPatch
):
    """The API server has written the defaults of its time into the job: they are the job's own now."""
    seen, now = job(name)
    assert seen.job.spec is not None
    digests = stage_digests(seen.job.spec)
    fields = ReconstructionJobSpec.model_fields["training"].annotation.model_fields  # type: ignore[union-attr]
    monkeypatch.setattr(fields["seed"], "default", 43)
    assert stage_digests(seen.job.spec) == digests
    assert decide(seen, now).actions == ()
    assert baseline.BASELINE["training.seed"] == 42


def test_digests_of_stored_jobs_are_what_they_were():
    """Of each stage, and of the spec in status: a digest that changes is taken for a changed wish."""
    for each in json.loads((FIRST / "digests.json").read_text()):
        spec = ReconstructionJobSpec.model_validate(each["spec"])
        assert stage_digests(spec, FIRST_STAGES) == each["stages"], each["spec"]
        now = stage_digests(spec)
        changed = {name for name, digest in each["stages"].items() if now[StageName(name)] != digest}
        assert changed <= {"evaluate", "report"}, "what is judged, since a verdict is on the mesh: as jobs are planned"
        assert spec_digest(spec) == each["specDigest"], each["spec"]


@pytest.mark.parametrize("name", ["running-prepare", "running-reconstruct-odd", "built-on-poses-running-prepare"])
def test_a_worker_of_that_release_understands_its_order(name: str):
    """It refuses fields that it does not know. The plan is beside the order, in a variable that it does not read."""
    known = json.loads((FIRST / "order-fields.json").read_text())
    seen, now = job(name)
    defaults = {"training": {"timeBudgetSeconds": 60}, "quality": {"minPSNR": "22"}, "activeDeadlineSeconds": 600}
    assert seen.profile is not None
    profile = replace(seen.profile, spec=seen.profile.spec | {"defaults": defaults})
    view = replace(seen.job, status=ReconstructionJobStatus(), spec=seen.job.spec.model_copy(update={"engine": None}))  # type: ignore[union-attr]
    plan = decide(replace(seen, job=view, profile=profile, child_jobs=(), pods=()), now)
    created = next(each for each in plan.actions if isinstance(each, CreateJob))
    container = created.manifest["spec"]["template"]["spec"]["containers"][0]
    environment = {each["name"]: each["value"] for each in container["env"]}
    order = json.loads(environment["RECONSTRUCTION_JOB"])
    assert order["spec"]["engine"] == "nerfacto", "an older worker may take something else for an unset field"
    assert set(paths_in(order)) <= set(known)
    assert "RECONSTRUCTION_PLAN" in environment


def paths_in(document: Any, path: str = "") -> Iterator[str]:
    if isinstance(document, dict):
        for name, value in document.items():
            place = f"{path}.{name}" if path else name
            yield place
            yield from paths_in(value, place)
    if isinstance(document, list):
        for entry in document:
            yield from paths_in(entry, path)


def test_the_recorded_files_stay_small():
    assert sum(file.stat().st_size for file in Path(__file__).parent.rglob("*.json")) < 1_000_000


def test_a_plan_with_more_in_it_than_this_release_knows_is_a_plan():
    seen, now = job("finished")
    status = carried_out(seen, decide(seen, now)).job.status
    document = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    document["plan"] |= {"reason": "new"}
    document["plan"]["stages"][0] |= {"priority": 3}
    document["plan"]["settings"] |= {"turntable": {"frames": 9}}
    document["defaults"] |= {"turntable.frames": 1440}
    read = read_status(document)
    assert read.problem == ""
    assert decide(replace(seen, job=replace(seen.job, status=read.status)), now).actions == ()


@pytest.mark.parametrize("damage", [{"stages": [{"name": "train"}]}, "lost", {"generation": "one", "stages": []}])
def test_a_plan_that_can_not_be_read_is_never_guessed(damage: Any):
    seen, now = job("finished")
    status = carried_out(seen, decide(seen, now)).job.status
    document = status.model_dump(mode="json", by_alias=True, exclude_none=True) | {"plan": damage}
    assert read_status(document).problem.startswith("status.plan")
