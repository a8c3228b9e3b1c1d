"""What a profile allows a job."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconstruction_api.profile import ProfileSpec
from reconstruction_operator.decide import decide
from reconstruction_operator.manifests.allowances import source_limits
from reconstruction_operator.policies.control.accept import accept

from ..builders import (
    NOW,
    PREPARE,
    PROFILE_SPEC,
    cluster_profile,
    current,
    observed,
    pod_of,
    seconds,
    settled,
    spec_of,
    started,
    with_pod,
)

GPU: dict[str, Any] = {"gpu": {"limits": {"nvidia.com/gpu": 1}}}


@pytest.mark.parametrize(
    ("profile", "spec", "words"),
    [
        ({"limits": {"maxSteps": 100}}, {"training": {"steps": 101}}, "spec.training.steps: 101 is more than the 100"),
        (
            {"limits": {"maxSteps": 29_999}} | GPU,
            {},
            "spec.training.steps: a training on a GPU that names no number takes 30000 steps, more than the 29999 that "
            "profile 'default' allows. Set it.",
        ),
        ({"limits": {"maxSteps": 5999}}, {}, "a training on a CPU that names no number takes 6000 steps"),
        ({"limits": {"maxSteps": 5999}} | GPU, {"training": {"device": "CPU"}}, "on a CPU"),
        ({"limits": {"maxSteps": 2999}} | GPU, {"training": {"preset": "Development"}}, "takes 3000 steps"),
        (
            {"limits": {"maxActiveDeadlineSeconds": 60}},
            {"activeDeadlineSeconds": 61},
            "spec.activeDeadlineSeconds: 61 is more than the 60 that profile 'default' allows",
        ),
        ({}, {"queueName": "gpus"}, "spec.queueName: profile 'default' offers no queue 'gpus'. It offers: none."),
        ({"queueNames": ["a", "b"]}, {"queueName": "c"}, "It offers: a, b."),
        ({}, {"priorityClassName": "system-node-critical"}, "offers no priority class 'system-node-critical'"),
        ({"priorityClassNames": ["urgent"]}, {"priorityClassName": "vital"}, "It offers: urgent."),
    ],
)
def test_what_exceeds_the_profile_is_refused_by_its_field(
    profile: dict[str, Any], spec: dict[str, Any], words: str
) -> None:
    answer = accept(observed(spec_of(**spec), profile=cluster_profile(**profile)))
    assert (answer.accepted, answer.reason) == (False, "LimitExceeded")
    assert words in answer.message


@pytest.mark.parametrize(
    ("profile", "spec"),
    [
        ({"limits": {"maxSteps": 100}}, {"training": {"steps": 100}}),
        ({"limits": {"maxSteps": 6000}}, {}),
        ({"limits": {"maxSteps": 6000}} | GPU, {"training": {"device": "CPU"}}),
        ({"limits": {"maxSteps": 30_000}} | GPU, {}),
        ({"limits": {"maxSteps": 100}}, {"endAfter": "Poses"}),
        ({"limits": {"maxActiveDeadlineSeconds": 60}}, {}),
        ({"queueNames": ["a", "b"]}, {"queueName": "b"}),
        ({"priorityClassNames": ["urgent", "usual"]}, {"priorityClassName": "usual"}),
    ],
)
def test_what_the_profile_offers_is_accepted(profile: dict[str, Any], spec: dict[str, Any]) -> None:
    assert accept(observed(spec_of(**spec), profile=cluster_profile(**profile))).accepted


def engine(licence: str) -> dict[str, Any]:
    return {"engines": [PROFILE_SPEC["engines"][0] | {"license": licence}]}


def test_an_engine_whose_licence_nobody_has_accepted_is_refused_with_both_named() -> None:
    answer = accept(observed(profile=cluster_profile(**engine("CC-BY-NC-4.0"))))
    assert answer.failure is not None and answer.failure.code == "LicenseNotAccepted"
    assert "'CC-BY-NC-4.0'" in answer.message and "Apache-2.0" in answer.message
    accepted: dict[str, Any] = engine("CC-BY-NC-4.0") | {"acceptedLicenses": ["CC-BY-NC-4.0"]}
    assert accept(observed(profile=cluster_profile(**accepted))).accepted
    assert accept(observed(profile=cluster_profile(**engine("Apache-2.0")))).accepted


def test_the_profiles_longest_deadline_is_that_of_jobs_without_one() -> None:
    seen = started(PREPARE, profile=cluster_profile(limits={"maxActiveDeadlineSeconds": 60}))
    running = with_pod(seen, pod_of(current(seen)))
    assert decide(running, NOW).next_check == NOW + seconds(60)
    late, _ = settled(running, NOW + seconds(61))
    assert late.job.status.failure is not None and late.job.status.failure.code == "DeadlineExceeded"


def test_sizes_reach_the_worker_as_bytes() -> None:
    limits = {"maxImages": 300, "maxFileSize": "20M", "maxSetSize": "1.5Gi"}
    told = source_limits(ProfileSpec.model_validate(PROFILE_SPEC | {"limits": limits}))
    assert told.model_dump() == {"max_images": 300, "max_file_bytes": 20_000_000, "max_set_bytes": 1_610_612_736}


def test_a_job_that_was_refused_is_accepted_once_the_profile_allows_it() -> None:
    seen, _ = settled(observed(spec_of(training={"steps": 200}), profile=cluster_profile(limits={"maxSteps": 100})))
    wider = replace(seen, profile=cluster_profile(generation=2, limits={"maxSteps": 200}))
    assert accept(wider).accepted
