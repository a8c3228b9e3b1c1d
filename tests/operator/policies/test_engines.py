"""Under which engine a job is counted."""

from __future__ import annotations

from typing import Any

import pytest

from reconstruction_api.plan import fresh_plan
from reconstruction_api.stages import ResourceClass
from reconstruction_operator.actions import CreateJob
from reconstruction_operator.policies.control.accept import accept
from reconstruction_operator.policies.reporting.counted_engine import counted_engine, psnr_of_others

from ..builders import (
    PROFILE_SPEC,
    changed,
    cluster_profile,
    condition,
    current,
    ended,
    observed,
    report_of,
    settled,
    spec_of,
    started,
    with_pod,
)

OWN = {"engines": [*PROFILE_SPEC["engines"], {"name": "own", "image": "worker:1"}]}


@pytest.mark.parametrize(
    ("spec", "profile", "counted"),
    [
        ({}, {}, "nerfacto"),
        ({"engine": "own"}, OWN, "own"),
        ({"engine": "own"}, {}, ""),
        ({"profileName": "elsewhere"}, None, ""),
    ],
)
def test_only_an_engine_of_the_jobs_profile_is_counted(
    spec: dict[str, Any], profile: dict[str, Any] | None, counted: str
) -> None:
    known = cluster_profile(**profile) if profile is not None else None
    seen, _ = settled(observed(spec_of(**spec), profile=known))
    assert counted_engine(seen.job.spec, seen.job.status) == counted


def test_a_job_that_is_changed_to_an_engine_its_profile_does_not_offer_is_counted_under_none() -> None:
    seen, _ = settled(observed())
    refused, _ = settled(changed(seen, engine="made-up"))
    assert refused.job.status.profile is not None
    assert counted_engine(refused.job.spec, refused.job.status) == ""


def test_a_job_whose_spec_can_not_be_read_is_counted_under_none() -> None:
    seen, _ = settled(observed())
    assert counted_engine(None, seen.job.status) == ""


IMAGE = PROFILE_SPEC["engines"][0]["image"]
TWO: dict[str, Any] = {"engines": [*PROFILE_SPEC["engines"], {"name": "own", "image": IMAGE}]}
SEVERAL: dict[str, Any] = {"engines": ["own", "nerfacto"]}


@pytest.mark.parametrize(
    ("engines", "code", "words"),
    [
        (["nerfacto", "elsewhere"], "EngineUnavailable", "spec.engines: profile 'default' does not offer 'elsewhere'."),
        (["own", "apart"], "EngineUnavailable", "has an image for 'own' and another one for 'apart', and the engines"),
        (["own", "licensed"], "LicenseNotAccepted", "spec.engines: the licence of 'licensed' is 'CC-BY-NC-SA-4.0'"),
        (["own", "splatfacto"], "GPUUnavailable", "spec.engines: 'splatfacto' works on a GPU only, and profile"),
    ],
)
def test_what_one_of_several_engines_lacks_is_told_before_any_pod(engines: list[str], code: str, words: str) -> None:
    image = TWO["engines"][0]["image"]
    offered = [
        *TWO["engines"],
        {"name": "apart", "image": "another:1"},
        {"name": "licensed", "image": image, "license": "CC-BY-NC-SA-4.0"},
        {"name": "splatfacto", "image": image},
    ]
    seen, plan = settled(observed(spec_of(engines=engines), profile=cluster_profile(engines=offered)))
    assert condition(seen.job.status, "Accepted") == ("False", code)
    assert plan.status is not None and plan.status.failure is not None and words in plan.status.failure.message
    assert not any(isinstance(action, CreateJob) for action in plan.actions)


def test_nothing_is_filled_in_for_several_engines_and_the_first_stands_for_them_until_the_best_is_known() -> None:
    profile = cluster_profile(**TWO, defaults={"engine": "nerfacto", "training": {"depthFusion": "Auto"}})
    seen, _ = settled(observed(spec_of(**SEVERAL), profile=profile))
    assert seen.job.status.engine == "own"
    assert not {"engine", "training.depthFusion"} & seen.job.status.defaults.keys()
    assert accept(seen).accepted


def test_status_names_the_best_engine_once_a_pod_has_reported_it() -> None:
    spec = spec_of(**SEVERAL)
    seen = started(ResourceClass.RECONSTRUCT, spec, profile=cluster_profile(**TWO))
    assert seen.job.status.engine in (None, "own")
    report = report_of(ResourceClass.RECONSTRUCT, spec, metrics={"bestEngine": "nerfacto", "psnr": "27"})
    seen, _ = settled(with_pod(seen, ended(current(seen), 0, report), succeeded=1))
    assert seen.job.status.engine == "nerfacto"
    assert seen.job.status.metrics["bestEngine"] == "nerfacto"


def test_each_of_several_engines_has_its_psnr_counted() -> None:
    seen, _ = settled(observed(spec_of(**SEVERAL), profile=cluster_profile(**TWO)))
    status = seen.job.status.model_copy(update={"engine": "nerfacto", "metrics": {"psnr": "27", "own.psnr": "24.5"}})
    assert counted_engine(seen.job.spec, status) == "nerfacto"
    assert psnr_of_others(seen.job.spec, status, "nerfacto") == (("own", 24.5),)


def test_a_plan_of_several_engines_remembers_them_and_no_other() -> None:
    plan = fresh_plan(spec_of(**SEVERAL), 1)
    assert plan.settings["engines"] == SEVERAL["engines"] and "engine" not in plan.settings
    one = fresh_plan(spec_of(engine="own"), 1)
    assert {each.name for each in plan.stages if each.digest == one.digests()[each.name]} == {"ingest", "poses"}
