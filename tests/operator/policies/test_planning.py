from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from reconstruction_operator.actions import CreateJob, Plan
from reconstruction_operator.decide import decide
from reconstruction_operator.model import Observed

from ..builders import (
    DELIVER,
    NOW,
    RECONSTRUCT,
    actions,
    changed,
    cluster_profile,
    condition,
    current,
    ended,
    message,
    observed,
    report_of,
    seconds,
    settled,
    spec_of,
    started,
    with_pod,
)

QUICK: dict[str, Any] = {
    "engine": "splats",
    "training": {"preset": "Development", "steps": 2000, "timeBudgetSeconds": 600},
    "quality": {"minPSNR": "22", "warnPSNR": "15", "onFailure": "Fail"},
    "retention": {"workspaceSeconds": 3600},
    "softDeadlineSeconds": 1800,
    "activeDeadlineSeconds": 2000,
}
ENGINES = [{"name": "nerfacto", "image": "worker:1"}, {"name": "splats", "image": "splats:1"}]


def with_defaults(defaults: dict[str, Any], spec: Any = None, **profile: Any) -> Observed:
    return observed(spec, profile=cluster_profile(engines=ENGINES, defaults=defaults, **profile))


def order(plan: Plan) -> dict[str, Any]:
    """The spec that the worker gets."""
    container = actions(plan, CreateJob)[0].manifest["spec"]["template"]["spec"]["containers"][0]
    environment = {each["name"]: each["value"] for each in container["env"]}
    return json.loads(environment["RECONSTRUCTION_JOB"])["spec"] | {"image": container["image"]}


def test_the_profile_decides_what_a_job_leaves_unset_and_status_says_what_it_is() -> None:
    seen, plan = settled(with_defaults(QUICK))
    wanted = order(plan)
    assert (wanted["engine"], wanted["image"]) == ("splats", "splats:1")
    assert wanted["training"] == {"preset": "Development", "steps": 2000, "timeBudgetSeconds": 600}
    assert wanted["quality"] == {
        "minPSNR": "22",
        "warnPSNR": "15",
        "minSSIM": "0.85",
        "warnSSIM": "0.75",
        "onFailure": "Fail",
    }
    assert seen.job.status.engine == "splats"
    assert seen.job.status.defaults["training.steps"] == 2000
    assert seen.job.status.defaults["quality.minSSIM"] == "0.85", "built in, but what counts"


def test_a_deadline_of_the_profile_holds_as_the_jobs_own_does() -> None:
    seen = started(RECONSTRUCT, profile=cluster_profile(defaults={"activeDeadlineSeconds": 15}))
    assert pod_spec(seen)["activeDeadlineSeconds"] == 6, "the preparation has run for 10 of 15 seconds"


def test_a_retention_of_the_profile_holds_as_the_jobs_own_does() -> None:
    seen = started(DELIVER, profile=cluster_profile(defaults={"retention": {"workspaceSeconds": 60}}))
    done = with_pod(seen, ended(current(seen), 0, report_of(DELIVER)), succeeded=True, ended=NOW)
    finished, _ = settled(done)
    assert finished.job.status.retention is not None
    assert finished.job.status.retention.workspace_expiry_time == "2026-03-01T12:01:00Z"


def pod_spec(seen: Observed) -> dict[str, Any]:
    """Of the pod that would be made now."""
    plan = decide(replace(seen, child_jobs=seen.child_jobs[:-1]), NOW)
    return actions(plan, CreateJob)[0].manifest["spec"]["template"]["spec"]


def test_the_job_has_the_last_word() -> None:
    own = spec_of(engine="nerfacto", training={"steps": 9000, "timeBudgetSeconds": 60}, quality={"onFailure": "Warn"})
    seen, plan = settled(with_defaults(QUICK, own))
    wanted = order(plan)
    assert wanted["engine"] == "nerfacto"
    assert wanted["training"] == {"preset": "Development", "steps": 9000, "timeBudgetSeconds": 60}
    assert wanted["quality"]["onFailure"] == "Warn"
    assert not {"engine", "training.steps", "quality.onFailure"} & seen.job.status.defaults.keys()


def test_who_names_a_preset_gets_its_number_of_steps() -> None:
    _, plan = settled(with_defaults(QUICK, spec_of(training={"preset": "Production"})))
    assert "steps" not in order(plan)["training"]


@pytest.mark.parametrize(
    ("own", "path", "value"),
    [
        ({"quality": {"minPSNR": "18", "warnPSNR": "10"}}, "quality.warnSSIM", "0.75"),
        ({"quality": {"warnPSNR": "24"}}, "quality.minPSNR", "24"),
        ({"retention": {"jobSeconds": 60}}, "retention.workspaceSeconds", 60),
        ({"activeDeadlineSeconds": 100}, "softDeadlineSeconds", None),
        ({"softDeadlineSeconds": 5000}, "activeDeadlineSeconds", None),
    ],
)
def test_a_default_that_contradicts_the_job_yields_turn(own: dict[str, Any], path: str, value: Any) -> None:
    seen, _ = settled(with_defaults(QUICK, spec_of(**own)))
    assert condition(seen.job.status, "Accepted") == ("True", "Accepted")
    assert seen.job.status.defaults.get(path) == value


def test_nothing_of_a_training_is_filled_in_where_another_jobs_is_taken_over() -> None:
    spec = spec_of(engine="nerfacto", source={"jobRef": {"name": "base", "reuse": "Training"}})
    seen, _ = settled(with_defaults(QUICK, spec))
    assert [path for path in seen.job.status.defaults if path.startswith("training.")] == []


def test_an_edited_profile_changes_no_job_even_where_the_job_is_changed() -> None:
    few = {"training": {"steps": 2000}}
    seen = started(RECONSTRUCT, profile=cluster_profile(engines=ENGINES, defaults=few))
    edited = cluster_profile(
        generation=2,
        engines=ENGINES,
        defaults={
            "engine": "splats",
            "training": {"steps": 50},
            "quality": {"onFailure": "Fail"},
            "retention": {"workspaceSeconds": 1},
        },
    )
    after, plan = settled(replace(seen, profile=edited))
    assert plan.actions == () and plan.status is None
    after, plan = settled(changed(after, exports=[{"format": "OBJ"}]))
    assert plan.actions == (), "the training continues"
    assert after.job.status.profile is not None and after.job.status.profile.generation == 2
    assert after.job.status.defaults == seen.job.status.defaults


def test_another_profile_brings_its_own_defaults_but_never_another_engine() -> None:
    few = {"training": {"steps": 2000}}
    seen = started(RECONSTRUCT, profile=cluster_profile(engines=ENGINES, defaults=few))
    large = cluster_profile("large", engines=ENGINES, defaults={"engine": "splats", "training": {"steps": 9000}})
    after, _ = settled(replace(changed(seen, profileName="large"), profile=large))
    assert after.job.status.engine == "nerfacto"
    assert after.job.status.defaults["engine"] == "nerfacto"
    assert after.job.status.defaults["training.steps"] == 9000
    assert current(after).digest != current(seen).digest


def test_a_field_that_is_cleared_takes_the_profiles_value() -> None:
    profile = cluster_profile(defaults={"training": {"steps": 2000}})
    seen, _ = settled(observed(spec_of(training={"steps": 500}), profile=profile))
    assert "training.steps" not in seen.job.status.defaults
    after, _ = settled(changed(seen))
    assert after.job.status.defaults["training.steps"] == 2000


def test_spelling_out_what_a_field_stands_for_runs_nothing_again() -> None:
    seen = started(RECONSTRUCT)
    after, plan = settled(
        changed(seen, engine="nerfacto", training={"preset": "Production"}, quality={"onFailure": "Warn"})
    )
    assert plan.actions == ()
    assert current(after).digest == current(seen).digest


@pytest.mark.parametrize(
    ("profile", "text"),
    [
        ({"defaults": {"engine": "splats"}}, "defaults.engine must be one of the engines"),
        ({"defaults": {"training": {"steps": 9}}, "limits": {"maxSteps": 8}}, "must not exceed limits.maxSteps"),
        (
            {"defaults": {"activeDeadlineSeconds": 9}, "limits": {"maxActiveDeadlineSeconds": 8}},
            "must not exceed limits.maxActiveDeadlineSeconds",
        ),
    ],
)
def test_a_profile_whose_defaults_break_its_own_limits_can_not_be_used(profile: dict[str, Any], text: str) -> None:
    """The API server refuses it; one that was stored before is named."""
    seen, _ = settled(observed(profile=cluster_profile(**profile)))
    assert condition(seen.job.status, "Accepted") == ("False", "ProfileInvalid")
    assert text in message(seen.job.status, "Accepted")


def test_an_engine_that_stands_for_an_unset_one_is_named_where_the_profile_has_it_not() -> None:
    seen, _ = settled(observed(profile=cluster_profile(engines=[{"name": "splats", "image": "splats:1"}])))
    assert condition(seen.job.status, "Accepted") == ("False", "EngineUnavailable")
    assert "does not offer 'nerfacto', which jobs use that name no engine. It offers: splats." in message(
        seen.job.status, "Accepted"
    )
    assert seen.job.status.engine is None, "a profile with a default for it can still decide"


def test_a_refused_change_keeps_the_plan_and_taking_it_back_goes_on_with_it() -> None:
    seen = started(RECONSTRUCT)
    refused, _ = settled(changed(seen, priorityClassName="urgent"))
    assert refused.job.status.plan == seen.job.status.plan
    back, plan = settled(changed(replace(refused, child_jobs=(), pods=())))
    assert back.job.status.plan is not None
    assert back.job.status.plan.stages == seen.job.status.plan.stages  # type: ignore[union-attr]
    assert [
        each.manifest["metadata"]["labels"]["reconstruction.dev/resource-class"] for each in actions(plan, CreateJob)
    ] == ["reconstruct"]


def test_the_worker_gets_its_part_of_the_plan_and_what_has_been_completed() -> None:
    seen = started(RECONSTRUCT)
    container = pod_spec(seen)["containers"][0]
    environment = {each["name"]: each["value"] for each in container["env"]}
    stages = json.loads(environment["RECONSTRUCTION_PLAN"])["stages"]
    planned = {stage.name: stage for stage in seen.job.status.plan.stages}  # type: ignore[union-attr]
    assert [stage["name"] for stage in stages] == ["train", "mesh", "texture", "evaluate"]
    assert [(stage["digest"], stage["codeVersion"]) for stage in stages] == [
        (planned[stage["name"]].digest, planned[stage["name"]].code_version) for stage in stages
    ]
    assert not any(stage.get("completed") for stage in stages)
    done = with_pod(seen, ended(current(seen), 0, report_of(RECONSTRUCT)), succeeded=True, ended=NOW)
    finished, _ = settled(done)
    again = replace(changed(finished, mesh={"targetFaces": 500}), child_jobs=(), pods=())
    plan = decide(again, NOW + seconds(5))
    container = actions(plan, CreateJob)[0].manifest["spec"]["template"]["spec"]["containers"][0]
    environment = {each["name"]: each["value"] for each in container["env"]}
    completed = [
        each["name"] for each in json.loads(environment["RECONSTRUCTION_PLAN"])["stages"] if each.get("completed")
    ]
    assert completed == ["train"]


def test_a_rule_that_is_broken_by_what_stands_for_an_unset_field_refuses_the_job() -> None:
    """The API server can't know which engine that will be."""
    seen, _ = settled(with_defaults({}, spec_of(poses={"method": "None"})))
    assert condition(seen.job.status, "Accepted") == ("False", "InvalidSpec")
    assert "spec.engine is unset and means 'nerfacto'" in message(seen.job.status, "Accepted")


FUSING = [*ENGINES, {"name": "depth-fusion", "image": "worker:1"}]


@pytest.mark.parametrize(
    ("spec", "profile", "fusion"),
    [
        ({}, {"engines": FUSING}, "Auto"),
        ({}, {"engines": ENGINES}, None),
        ({}, {"engines": FUSING, "defaults": {"engine": "splats"}}, None),
        ({}, {"engines": FUSING, "defaults": {"training": {"depthFusion": "Never"}}}, "Never"),
        ({"engine": "nerfacto"}, {"engines": FUSING}, None),
        ({"engine": "splats"}, {"engines": FUSING, "defaults": {"training": {"depthFusion": "Auto"}}}, None),
        ({}, {"engines": FUSING, "defaults": {"engine": "splats", "training": {"depthFusion": "Auto"}}}, "Auto"),
    ],
)
def test_depth_maps_may_be_fused_where_nobody_names_an_engine(
    spec: dict[str, Any], profile: dict[str, Any], fusion: str | None
) -> None:
    seen, _ = settled(observed(spec_of(**spec), profile=cluster_profile(**profile)))
    assert seen.job.status.defaults.get("training.depthFusion") == fusion


def test_a_job_of_an_earlier_release_is_trained_as_it_was_meant() -> None:
    """Its status says which engine it has, and nothing of depth maps."""
    seen = started(RECONSTRUCT, profile=cluster_profile(engines=FUSING))
    known = {path: value for path, value in seen.job.status.defaults.items() if path != "training.depthFusion"}
    earlier = seen.job.status.model_copy(update={"defaults": known})
    later, plan = settled(replace(seen, job=replace(seen.job, status=earlier)))
    assert "training.depthFusion" not in later.job.status.defaults and plan.status is None


def test_a_job_that_asks_for_fusion_needs_a_profile_that_offers_it() -> None:
    seen, _ = settled(observed(spec_of(training={"depthFusion": "Auto"}), profile=cluster_profile(engines=ENGINES)))
    assert condition(seen.job.status, "Accepted") == ("False", "EngineUnavailable")
