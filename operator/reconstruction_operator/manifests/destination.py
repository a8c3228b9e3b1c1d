"""The volume claim that results are published to, in the pods that publish; and the place where those are that a pod
builds on whose job has another destination since, and no workspace."""

from __future__ import annotations

from typing import Any

from reconstruction_api.destination import CREDENTIALS, Destination
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.names import DESTINATION_PATH, EARLIER_CREDENTIALS_PATH, EARLIER_DESTINATION_PATH
from reconstruction_api.stages import ResourceClass, publishes

_VOLUME = "destination"
_EARLIER, _EARLIER_SECRET = "earlier-destination", "earlier-destination-credentials"


def destination_volumes(spec: ReconstructionJobSpec, resource_class: ResourceClass) -> list[dict[str, Any]]:
    """None for other destinations, and for pods that do not publish."""
    claim = _claim(spec, resource_class)
    return [{"name": _VOLUME, "persistentVolumeClaim": {"claimName": claim}}] if claim is not None else []


def destination_mounts(spec: ReconstructionJobSpec, resource_class: ResourceClass) -> list[dict[str, Any]]:
    """Where the container sees it."""
    there = _claim(spec, resource_class) is not None
    return [{"name": _VOLUME, "mountPath": DESTINATION_PATH}] if there else []


def earlier_volumes(earlier: Destination | None) -> list[dict[str, Any]]:
    """A Secret that is gone does not keep the pod waiting: storage may let it read without."""
    if earlier is None:
        return []
    if (claim := earlier.persistent_volume_claim) is not None:
        return [{"name": _EARLIER, "persistentVolumeClaim": {"claimName": claim.claim_name, "readOnly": True}}]
    if earlier.secret_name is None:
        return []
    items = [{"key": key, "path": key} for key in sorted(CREDENTIALS)]
    secret = {"secretName": earlier.secret_name, "optional": True, "items": items, "defaultMode": 0o444}
    return [{"name": _EARLIER_SECRET, "secret": secret}]


def earlier_mounts(earlier: Destination | None) -> list[dict[str, Any]]:
    """Where the container sees it."""
    paths = {_EARLIER: EARLIER_DESTINATION_PATH, _EARLIER_SECRET: EARLIER_CREDENTIALS_PATH}
    return [
        {"name": volume["name"], "mountPath": paths[volume["name"]], "readOnly": True}
        for volume in earlier_volumes(earlier)
    ]


def _claim(spec: ReconstructionJobSpec, resource_class: ResourceClass) -> str | None:
    destination = spec.destination
    if destination is None or destination.persistent_volume_claim is None or not publishes(resource_class):
        return None
    return destination.persistent_volume_claim.claim_name
