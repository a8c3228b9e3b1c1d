"""Jobs that can't do without a GPU, and profiles that have none."""

from __future__ import annotations

from typing import Any

import pytest

from reconstruction_operator.actions import CreateJob
from reconstruction_operator.policies.control.accept import accept

from ..builders import cluster_profile, condition, observed, settled, spec_of

SPLATS = [{"name": "splatfacto", "image": "worker:1"}]
FUSION = [{"name": "depth-fusion", "image": "worker:1"}]
OWN = [{"name": "own", "image": "worker:1", "gpuOnly": True}]
GPU = {"gpu": {"limits": {"nvidia.com/gpu": 1}}}


@pytest.mark.parametrize(
    ("spec", "profile", "words"),
    [
        ({"engine": "splatfacto"}, {"engines": SPLATS}, "'splatfacto' works on a GPU only, and profile 'default'"),
        ({"engine": "own"}, {"engines": OWN}, "'own' works on a GPU only"),
        ({"engine": "own"}, {"engines": [*OWN, *FUSION]}, "gives its pods none; choose depth-fusion."),
        ({"training": {"device": "CUDA"}}, {}, "spec.training.device: profile 'default' gives its pods no GPU"),
        ({"engine": "splatfacto", "training": {"device": "CPU"}}, {"engines": SPLATS} | GPU, "spec.training.device"),
        ({"training": {"device": "CUDA"}}, {"gpu": {"limits": {"memory": "8Gi"}}}, "no GPU"),
    ],
)
def test_a_job_without_the_gpu_it_needs_is_refused_before_any_pod(
    spec: dict[str, Any], profile: dict[str, Any], words: str
) -> None:
    seen, plan = settled(observed(spec_of(**spec), profile=cluster_profile(**profile)))
    assert condition(seen.job.status, "Accepted") == ("False", "GPUUnavailable")
    assert plan.status is not None and plan.status.failure is not None
    assert words in plan.status.failure.message
    assert seen.child_jobs == () and not any(isinstance(action, CreateJob) for action in plan.actions)


@pytest.mark.parametrize(
    ("spec", "profile"),
    [
        ({"engine": "splatfacto"}, {"engines": SPLATS} | GPU),
        ({"training": {"device": "CUDA"}}, {"gpu": {"requests": {"amd.com/gpu": 1}}}),
        ({"training": {"device": "CUDA"}}, {"gpu": {"runtimeClassName": "nvidia"}}),
        ({"training": {"device": "Auto"}}, {}),
        ({"training": {"device": "CUDA"}, "endAfter": "Poses"}, {}),
        ({"engine": "own"}, {"engines": [OWN[0] | {"gpuOnly": False}]}),
        ({"engine": "depth-fusion"}, {"engines": FUSION}),
    ],
)
def test_a_job_that_may_find_its_gpu_is_accepted(spec: dict[str, Any], profile: dict[str, Any]) -> None:
    assert accept(observed(spec_of(**spec), profile=cluster_profile(**profile))).accepted
