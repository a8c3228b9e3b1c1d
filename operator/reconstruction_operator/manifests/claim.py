"""The volume claim that the stages of a job share."""

from __future__ import annotations

from typing import Any

from reconstruction_api.profile import ProfileSpec

from ..model import JobView
from .child_names import claim_name
from .metadata import labels, owner


def workspace_claim(job: JobView, profile: ProfileSpec) -> dict[str, Any]:
    """A PersistentVolumeClaim as the profile describes it."""
    spec: dict[str, Any] = {
        "accessModes": list(profile.workspace.access_modes),
        "resources": {"requests": {"storage": profile.workspace.size}},
    }
    if profile.workspace.storage_class_name is not None:
        spec["storageClassName"] = profile.workspace.storage_class_name
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": claim_name(job.key.name),
            "namespace": job.key.namespace,
            "labels": labels(job),
            "ownerReferences": [owner(job)],
        },
        "spec": spec,
    }
