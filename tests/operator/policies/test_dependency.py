"""spec.source.jobRef: what a job waits for, and what it says when it would wait in vain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconstruction_operator.actions import CreateJob, Emit
from reconstruction_operator.decide import decide
from reconstruction_operator.model import Observed
from reconstruction_operator.policies.control.settling import GRACE

from ..builders import (
    NOW,
    PREPARE,
    actions,
    condition,
    ended,
    message,
    observed,
    report_of,
    seconds,
    settled,
    spec_of,
    started,
    upstream_job,
    with_pod,
)


def builds_on(reuse: str = "Poses", **fields):
    return spec_of(source={"jobRef": {"name": "base", "reuse": reuse}}, **fields)


def seen_with(upstream=None, reuse: str = "Poses", **fields) -> Observed:
    return observed(builds_on(reuse), upstream=upstream, **fields)


MODEL = ["ingest", "poses", "train", "mesh", "texture", "evaluate"]


def volumes(plan) -> dict[str, dict]:
    (action,) = actions(plan, CreateJob)
    pod = action.manifest["spec"]["template"]["spec"]
    return {each["name"]: each for each in pod["volumes"]}


@pytest.mark.parametrize(
    ("reuse", "done"),
    [
        ("Photos", ["ingest"]),
        ("Poses", ["ingest", "poses"]),
        ("Training", ["ingest", "poses", "train"]),
        ("Model", ["ingest", "poses", "train", "mesh", "texture", "evaluate"]),
    ],
)
def test_a_job_starts_when_the_other_has_the_stages_that_it_reuses_and_not_before(reuse: str, done: list[str]) -> None:
    early, late = upstream_job(done=frozenset(done[:-1])), upstream_job(done=frozenset(done))
    waiting, plan = settled(seen_with(early, reuse))
    assert actions(plan, CreateJob) == []
    assert condition(waiting.job.status, "Admitted") == ("False", "DependencyNotReady")
    assert condition(waiting.job.status, "Reconciling") == ("True", "Waiting")
    assert f"stage {done[-1]} of job 'base'" in message(waiting.job.status, "Admitted")
    assert plan.slot == "none", "it takes no slot"
    _, plan = settled(replace(waiting, upstream=late))
    assert volumes(plan)["source"]["persistentVolumeClaim"] == {"claimName": "base-workspace", "readOnly": True}


def test_photos_on_a_claim_that_are_added_are_mounted_beside_the_other_jobs_workspace() -> None:
    claim = {"claimName": "second-visit", "path": "day 2"}
    spec = spec_of(source={"jobRef": {"name": "base", "addPhotos": True}, "persistentVolumeClaim": claim})
    _, plan = settled(observed(spec, upstream=upstream_job()))
    (action,) = actions(plan, CreateJob)
    pod = action.manifest["spec"]["template"]["spec"]
    assert volumes(plan)["source"]["persistentVolumeClaim"] == {"claimName": "base-workspace", "readOnly": True}
    assert volumes(plan)["added"]["persistentVolumeClaim"] == {"claimName": "second-visit", "readOnly": True}
    mounted = {each["name"]: each for each in pod["containers"][0]["volumeMounts"]}
    assert mounted["added"] == {"name": "added", "mountPath": "/added", "readOnly": True}
    assert mounted["source"]["mountPath"] == "/source"


def test_the_other_job_may_fail_later_on() -> None:
    _, plan = settled(seen_with(upstream_job(failed="QualityBelowThreshold: 12 dB")))
    assert actions(plan, CreateJob)


def test_what_is_done_counts_only_for_the_other_jobs_spec_as_it_is_now() -> None:
    after, plan = settled(seen_with(upstream_job(current=False)))
    assert actions(plan, CreateJob) == []
    assert condition(after.job.status, "Admitted")[1] == "DependencyNotReady"


@pytest.mark.parametrize(
    ("upstream", "cycle", "code", "words"),
    [
        (None, (), "SourceNotFound", "job 'base' does not exist in namespace 'museum'"),
        (upstream_job(deleting=True), (), "SourceNotFound", "job 'base' is being deleted"),
        (upstream_job(files_gone="2026-02-01T00:00:00Z"), (), "SourceNotFound", "was removed at 2026-02-01"),
        (
            upstream_job(done=frozenset(), failed="LowRegistration: 3 of 40"),
            (),
            "DependencyFailed",
            "LowRegistration: 3",
        ),
        (upstream_job(), ("statue", "base", "statue"), "DependencyCycle", "statue -> base -> statue"),
        (upstream_job(runs=frozenset({"ingest", "report"})), (), "SourceNotFound", "ends before stage poses"),
    ],
    ids=["missing", "deleted", "files removed", "failed", "cycle", "ends before"],
)
def test_a_job_that_can_not_be_built_on_is_named_with_a_code_and_is_no_end(upstream, cycle, code, words) -> None:
    after, plan = settled(seen_with(upstream, cycle=cycle))
    status = after.job.status
    assert actions(plan, CreateJob) == []
    assert condition(status, "Accepted") == ("False", code)
    assert condition(status, "Succeeded") == ("False", code)
    assert condition(status, "Stalled")[0] == ("True" if code == "DependencyCycle" else "False")
    assert words in message(status, "Accepted") and status.failure is not None and status.failure.suggestion
    assert status.completion_time is None
    assert settled(after)[1].status is None, "said once"
    stalled, _ = settled(after, NOW + GRACE)
    assert condition(stalled.job.status, "Stalled") == ("True", code)
    fixed, plan = settled(replace(after, upstream=upstream_job(), cycle=()))
    assert actions(plan, CreateJob) and fixed.job.status.failure is None


def test_a_model_is_taken_over_by_the_pod_that_prepares_and_the_next_one_delivers_without_a_gpu() -> None:
    spec, done = builds_on("Model", turntable={"frames": 24}), upstream_job(done=frozenset(MODEL))
    seen = started(PREPARE, spec, upstream=done)
    run = seen.job.status.runs[0]
    seen = with_pod(seen, ended(run, 0, report_of(PREPARE, spec)), succeeded=True, ended=NOW)
    after, plan = settled(replace(seen, upstream=None))
    (action,) = actions(plan, CreateJob)
    assert action.manifest["metadata"]["labels"]["reconstruction.dev/resource-class"] == "deliver"
    assert [condition(after.job.status, each)[0] for each in ("Accepted", "Trained")] == ["True", "True"]
    assert "source" not in volumes(plan)


@pytest.mark.parametrize("reuse", ["Training", "Model"])
def test_what_another_engine_has_trained_is_not_taken_over(reuse: str) -> None:
    after, _ = settled(seen_with(upstream_job(engine="splatfacto", done=frozenset(MODEL)), reuse))
    assert condition(after.job.status, "Accepted") == ("False", "CheckpointIncompatible")


def test_a_model_whose_checkpoints_were_removed_is_not_taken_over() -> None:
    gone = upstream_job(done=frozenset(MODEL), checkpoints_gone="2026-02-01T00:00:00Z")
    after, _ = settled(seen_with(gone, "Model"))
    assert "the checkpoints of job 'base' were removed" in message(after.job.status, "Accepted")


def test_a_training_is_taken_over_only_by_the_engine_that_made_it() -> None:
    done = frozenset({"ingest", "poses", "train"})
    after, _ = settled(seen_with(upstream_job(engine="splatfacto", done=done), "Training"))
    assert condition(after.job.status, "Accepted") == ("False", "CheckpointIncompatible")
    _, plan = settled(seen_with(upstream_job(engine="splatfacto"), "Poses"))
    assert actions(plan, CreateJob)


def test_once_the_results_are_copied_the_other_job_may_go() -> None:
    seen = started(PREPARE, builds_on(), upstream=upstream_job())
    run = seen.job.status.runs[0]
    seen = with_pod(seen, ended(run, 0, report_of(PREPARE, builds_on())), succeeded=True, ended=NOW)
    after, plan = settled(replace(seen, upstream=None))
    assert condition(after.job.status, "Accepted")[0] == "True"
    assert "source" not in volumes(plan)


def test_a_training_is_taken_over_by_the_pod_that_prepares_and_the_others_need_nothing_of_the_other_job() -> None:
    spec, done = builds_on("Training"), upstream_job(done=frozenset({"ingest", "poses", "train"}))
    seen = started(PREPARE, spec, upstream=done)
    _, plan = settled(observed(spec, upstream=done))
    assert "source" in volumes(plan)
    run = seen.job.status.runs[0]
    seen = with_pod(seen, ended(run, 0, report_of(PREPARE, spec)), succeeded=True, ended=NOW)
    after, plan = settled(replace(seen, upstream=None))
    assert condition(after.job.status, "Accepted")[0] == "True"
    assert condition(after.job.status, "Trained")[0] == "True"
    assert "source" not in volumes(plan)


def test_a_pod_that_runs_is_left_alone_whatever_becomes_of_the_other_job() -> None:
    seen = started(PREPARE, builds_on(), upstream=upstream_job())
    plan = decide(replace(seen, upstream=None), NOW + seconds(5))
    assert plan.actions == ()


def test_waiting_for_another_job_is_reported_once_and_is_no_warning() -> None:
    waiting, plan = settled(seen_with(upstream_job(done=frozenset())))
    reported = [(each.warning, each.reason) for each in actions(plan, Emit)]
    assert (False, "DependencyNotReady") in reported
    assert settled(waiting)[1].actions == ()


def test_a_training_whose_checkpoints_were_removed_can_not_be_taken_over_but_its_poses_can() -> None:
    gone = upstream_job(done=frozenset({"ingest", "poses", "train"}), checkpoints_gone="2026-02-01T00:00:00Z")
    after, plan = settled(seen_with(gone, "Training"))
    assert actions(plan, CreateJob) == []
    assert "the checkpoints of job 'base' were removed at 2026-02-01" in message(after.job.status, "Accepted")
    _, plan = settled(seen_with(gone, "Poses"))
    assert actions(plan, CreateJob)
