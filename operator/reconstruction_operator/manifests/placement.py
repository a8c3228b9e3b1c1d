"""Where a pod may run, so that the volume it binds is where the job's later pods can follow.

A volume of most clouds is in one zone, a local disk on one node. The pod that uses a claim first decides where its
volume is made; so where a job trains on a device, the pods without one run where devices are as well
(`workspace.placement: WithGPU`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.profile import ClassResources, ProfileSpec
from reconstruction_api.stages import ResourceClass, graph_of

ZONE = "topology.kubernetes.io/zone"
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Placement:
    """The part of a pod's spec that chooses nodes, and what its container asks for."""

    requests: dict[str, Any]
    limits: dict[str, Any]
    node_selector: dict[str, str] = field(default_factory=dict[str, str])
    tolerations: tuple[Any, ...] = ()
    node_affinity: Document | None = None
    runtime_class_name: str | None = None


def placement(
    spec: ReconstructionJobSpec, resource_class: ResourceClass, profile: ProfileSpec, *, moved: bool
) -> Placement:
    """Of the pods of a class. `moved` is for a job whose first workspace was where no device is: it prepares its photos
    a second time with the device at hand, since nothing else is certain to be near it."""
    hardware = _hardware(spec, resource_class, profile)
    follows = hardware is profile.cpu and profile.workspace.placement == "WithGPU" and needs_device(spec, profile)
    if not follows:
        return _placed(hardware, hardware.node_selector, hardware.tolerations, _affinity(profile))
    tolerations = _merged(profile.cpu, profile.gpu)
    if resource_class is ResourceClass.PREPARE:
        if moved:  # the device chooses the node; labels of the CPU's nodes could only be in its way
            placed = _placed(hardware, profile.gpu.node_selector, tolerations, _affinity(profile))
            return _with_device(placed, profile.gpu)
        selector = profile.gpu.node_selector or profile.cpu.node_selector
        return _placed(hardware, selector, tolerations, _affinity(profile))
    # The volume is bound by now. A node of the CPU's kind is preferred where it can reach the volume.
    return _placed(hardware, {}, tolerations, _affinity(profile, either=(profile.cpu, profile.gpu)))


def _hardware(spec: ReconstructionJobSpec, resource_class: ResourceClass, profile: ProfileSpec) -> ClassResources:
    """A job that trains on the CPU never occupies a GPU."""
    if resource_class is ResourceClass.RECONSTRUCT and spec.may_use_gpu:
        return profile.gpu
    return profile.cpu


def needs_device(spec: ReconstructionJobSpec, profile: ProfileSpec) -> bool:
    """Whether later pods of the job ask for a device."""
    trains = any(stage.resource_class is ResourceClass.RECONSTRUCT for stage in graph_of(spec))
    return trains and spec.may_use_gpu and profile.gpu.names_device


def _placed(
    hardware: ClassResources, selector: dict[str, str], tolerations: Any, affinity: Document | None
) -> Placement:
    return Placement(
        requests=dict(hardware.requests),
        limits=dict(hardware.limits),
        node_selector=dict(selector),
        tolerations=tuple(tolerations),
        node_affinity=affinity,
        runtime_class_name=hardware.runtime_class_name,
    )


def _with_device(placed: Placement, gpu: ClassResources) -> Placement:
    devices = {name: amount for name, amount in {**gpu.requests, **gpu.limits}.items() if "/" in name}
    return Placement(
        requests=placed.requests | {name: gpu.requests[name] for name in devices if name in gpu.requests},
        limits=placed.limits | devices,
        node_selector=placed.node_selector,
        tolerations=placed.tolerations,
        node_affinity=placed.node_affinity,
        runtime_class_name=placed.runtime_class_name,
    )


def _merged(one: ClassResources, other: ClassResources) -> list[Any]:
    return [*one.tolerations, *(each for each in other.tolerations if each not in one.tolerations)]


def _affinity(profile: ProfileSpec, either: tuple[ClassResources, ClassResources] | None = None) -> Document | None:
    """Required are the zones, and the labels of one of two kinds of nodes; the first kind is preferred."""
    zones = _expressions({}, profile.workspace.zones)
    kinds = [each.node_selector for each in either] if either is not None else []
    if kinds and all(kinds):
        terms = [_expressions(kind, profile.workspace.zones) for kind in kinds]
    else:  # nodes of one kind need no label, so any node will do
        terms = [zones] if zones else []
    affinity: Document = {}
    if terms:
        required = [{"matchExpressions": each} for each in _distinct(terms)]
        affinity["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": required}
    if kinds and kinds[0]:
        preferred = {"weight": 100, "preference": {"matchExpressions": _expressions(kinds[0], [])}}
        affinity["preferredDuringSchedulingIgnoredDuringExecution"] = [preferred]
    return affinity or None


def _expressions(labels: dict[str, str], zones: list[str]) -> list[Document]:
    wanted = [*((name, [value]) for name, value in sorted(labels.items())), *([(ZONE, list(zones))] if zones else [])]
    return [{"key": name, "operator": "In", "values": values} for name, values in wanted]


def _distinct(terms: list[list[Document]]) -> list[list[Document]]:
    return [term for index, term in enumerate(terms) if term not in terms[:index]]
