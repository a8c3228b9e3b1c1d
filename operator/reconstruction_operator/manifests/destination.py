"""The volume claim that results are published to, in the pods that publish."""

from __future__ import annotations

from typing import Any

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.names import DESTINATION_PATH
from reconstruction_api.stages import ResourceClass, publishes

_VOLUME = "destination"


def destination_volumes(spec: ReconstructionJobSpec, resource_class: ResourceClass) -> list[dict[str, Any]]:
    """None for other destinations, and for pods that do not publish."""
    claim = _claim(spec, resource_class)
    return [{"name": _VOLUME, "persistentVolumeClaim": {"claimName": claim}}] if claim is not None else []


def destination_mounts(spec: ReconstructionJobSpec, resource_class: ResourceClass) -> list[dict[str, Any]]:
    """Where the container sees it."""
    there = _claim(spec, resource_class) is not None
    return [{"name": _VOLUME, "mountPath": DESTINATION_PATH}] if there else []


def _claim(spec: ReconstructionJobSpec, resource_class: ResourceClass) -> str | None:
    destination = spec.destination
    if destination is None or destination.persistent_volume_claim is None or not publishes(resource_class):
        return None
    return destination.persistent_volume_claim.claim_name
