"""The volume with the weights of networks, in the pods that use them."""

from __future__ import annotations

from typing import Any

from reconstruction_api.names import WEIGHTS_PATH
from reconstruction_api.profile import ProfileSpec, WeightsVolume
from reconstruction_api.stages import ResourceClass

_VOLUME = "weights"


def weights_volumes(profile: ProfileSpec, resource_class: ResourceClass) -> list[dict[str, Any]]:
    """None where the profile has none, and for pods that only deliver."""
    volume = _volume(profile, resource_class)
    if volume is None:
        return []
    if volume.claim_name is not None:
        return [{"name": _VOLUME, "persistentVolumeClaim": {"claimName": volume.claim_name, "readOnly": True}}]
    return [{"name": _VOLUME, "image": {"reference": volume.image, "pullPolicy": profile.image_pull_policy}}]


def weights_mounts(profile: ProfileSpec, resource_class: ResourceClass) -> list[dict[str, Any]]:
    """Where the container sees it."""
    there = _volume(profile, resource_class) is not None
    return [{"name": _VOLUME, "mountPath": WEIGHTS_PATH, "readOnly": True}] if there else []


def _volume(profile: ProfileSpec, resource_class: ResourceClass) -> WeightsVolume | None:
    return None if resource_class is ResourceClass.DELIVER else profile.weights
