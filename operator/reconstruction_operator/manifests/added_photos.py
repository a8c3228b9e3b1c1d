"""The volume claim with photos that are added to another job's (`spec.source.jobRef.addPhotos`), beside the other job's
workspace."""

from __future__ import annotations

from typing import Any

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.names import ADDED_PATH
from reconstruction_api.stages import ResourceClass, reads_source

_VOLUME = "added"


def added_mounts(spec: ReconstructionJobSpec, resource_class: ResourceClass) -> list[dict[str, Any]]:
    """Read-only, in pods that read the source."""
    if _claim(spec, resource_class) is None:
        return []
    return [{"name": _VOLUME, "mountPath": ADDED_PATH, "readOnly": True}]


def added_volumes(spec: ReconstructionJobSpec, resource_class: ResourceClass) -> list[dict[str, Any]]:
    claim = _claim(spec, resource_class)
    if claim is None:
        return []
    return [{"name": _VOLUME, "persistentVolumeClaim": {"claimName": claim, "readOnly": True}}]


def _claim(spec: ReconstructionJobSpec, resource_class: ResourceClass) -> str | None:
    claim = spec.source.persistent_volume_claim
    if claim is None or not spec.source.adds_photos or not reads_source(resource_class):
        return None
    return claim.claim_name
