"""What all objects of a job have in common."""

from __future__ import annotations

from typing import Any

from reconstruction_api.names import API_VERSION, JOB_KIND, LABEL_JOB, LABEL_JOB_UID

from ..model import JobView

MANAGER = "reconstruction-operator"


def labels(job: JobView) -> dict[str, str]:
    """Labels by which the operator's watches find the object."""
    return {
        LABEL_JOB: job.key.name,
        LABEL_JOB_UID: job.uid,
        "app.kubernetes.io/managed-by": MANAGER,
        "app.kubernetes.io/part-of": "reconstruction",
    }


def owner(job: JobView) -> dict[str, Any]:
    """The reference through which Kubernetes deletes the object together with its job."""
    return {
        "apiVersion": API_VERSION,
        "kind": JOB_KIND,
        "name": job.key.name,
        "uid": job.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
