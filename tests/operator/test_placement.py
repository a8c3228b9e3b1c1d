"""Which nodes a pod may use, so that all pods of a job reach its volume."""

from __future__ import annotations

from typing import Any

import pytest

from reconstruction_api.profile import ProfileSpec
from reconstruction_api.stages import ResourceClass
from reconstruction_operator.manifests.placement import ZONE, Placement, placement

from .builders import DELIVER, PREPARE, PROFILE_SPEC, spec_of

GPU: dict[str, Any] = {
    "limits": {"nvidia.com/gpu": 1},
    "nodeSelector": {"pool": "gpu"},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
    "runtimeClassName": "nvidia",
}
CPU: dict[str, Any] = {"limits": {"memory": "8Gi"}, "nodeSelector": {"pool": "cpu"}}
ALL = list(ResourceClass)


def placed(
    resource_class: ResourceClass, job: dict[str, Any] | None = None, moved: bool = False, **profile: Any
) -> Placement:
    parsed = ProfileSpec.model_validate(PROFILE_SPEC | {"gpu": GPU, "cpu": CPU} | profile)
    return placement(spec_of(**(job or {})), resource_class, parsed, moved=moved)


def in_zones(*zones: str) -> dict[str, Any]:
    return {"key": ZONE, "operator": "In", "values": list(zones)}


def of_pool(pool: str) -> dict[str, Any]:
    return {"key": "pool", "operator": "In", "values": [pool]}


def required(found: Placement) -> list[Any]:
    assert found.node_affinity is not None
    terms = found.node_affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    return [term["matchExpressions"] for term in terms]


def test_the_first_pod_runs_where_gpus_are_and_takes_none() -> None:
    found = placed(PREPARE)
    assert found.node_selector == {"pool": "gpu"} and found.tolerations == tuple(GPU["tolerations"])
    assert found.limits == CPU["limits"] and found.runtime_class_name is None


def test_the_last_pod_prefers_the_nodes_of_the_cpu_and_may_use_those_of_the_gpu() -> None:
    found = placed(DELIVER)
    assert found.node_selector == {} and required(found) == [[of_pool("cpu")], [of_pool("gpu")]]
    assert found.node_affinity is not None
    [preferred] = found.node_affinity["preferredDuringSchedulingIgnoredDuringExecution"]
    assert preferred["preference"]["matchExpressions"] == [of_pool("cpu")]
    assert found.tolerations == tuple(GPU["tolerations"])


@pytest.mark.parametrize(
    "without_gpu",
    [
        {"workspace": {"placement": "Any"}},
        {"gpu": {**GPU, "limits": {"memory": "32Gi"}}},
        {"job": {"training": {"device": "CPU"}}},
        {"job": {"endAfter": "Poses"}},
    ],
)
@pytest.mark.parametrize("resource_class", [PREPARE, DELIVER])
def test_jobs_whose_volume_no_gpu_has_to_reach_stay_on_the_cpus_nodes(
    resource_class: ResourceClass, without_gpu: dict[str, Any]
) -> None:
    found = placed(resource_class, **without_gpu)
    assert found.node_selector == {"pool": "cpu"} and found.tolerations == () and found.node_affinity is None


def test_a_gpu_class_without_labels_leaves_the_first_pod_to_the_cpus_nodes() -> None:
    found = placed(PREPARE, gpu={"limits": {"nvidia.com/gpu": 1}})
    assert found.node_selector == {"pool": "cpu"}
    assert "requiredDuringSchedulingIgnoredDuringExecution" not in (
        placed(DELIVER, gpu={"limits": {"nvidia.com/gpu": 1}}).node_affinity or {}
    )


@pytest.mark.parametrize("resource_class", ALL)
@pytest.mark.parametrize("where", ["WithGPU", "Any"])
def test_the_profiles_zones_hold_for_every_pod(resource_class: ResourceClass, where: str) -> None:
    found = placed(resource_class, workspace={"zones": ["a", "b"], "placement": where})
    assert all(in_zones("a", "b") in term for term in required(found))


def test_zones_hold_where_no_kind_of_node_has_labels() -> None:
    found = placed(DELIVER, workspace={"zones": ["a"]}, cpu={}, gpu={"limits": {"nvidia.com/gpu": 1}})
    assert required(found) == [[in_zones("a")]]


def test_a_job_whose_volume_was_elsewhere_prepares_with_the_device_at_hand() -> None:
    found = placed(PREPARE, moved=True)
    assert found.limits == {**CPU["limits"], "nvidia.com/gpu": 1} and found.node_selector == {"pool": "gpu"}
    assert placed(PREPARE, moved=True, gpu={"limits": {"nvidia.com/gpu": 1}}).node_selector == {}
    assert placed(DELIVER, moved=True).limits == CPU["limits"]


def test_a_toleration_that_both_classes_have_is_written_once() -> None:
    found = placed(PREPARE, cpu={**CPU, "tolerations": GPU["tolerations"]})
    assert found.tolerations == tuple(GPU["tolerations"])
