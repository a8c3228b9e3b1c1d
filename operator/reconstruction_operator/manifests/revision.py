"""The object that keeps the profile a job was accepted with."""

from __future__ import annotations

from typing import Any

from reconstruction_api.profile_revision import data_of
from reconstruction_api.status import ProfileSnapshot

from ..model import JobView
from .metadata import labels, owner


def profile_revision(job: JobView, snapshot: ProfileSnapshot, name: str) -> dict[str, Any]:
    """A ControllerRevision, whose data the API server lets nobody change."""
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": name,
            "namespace": job.key.namespace,
            "labels": labels(job),
            "ownerReferences": [owner(job)],
        },
        "revision": snapshot.generation,
        "data": data_of(snapshot),
    }
