"""The profile that a job was accepted with, read from where its status says that it is kept."""

from __future__ import annotations

from dataclasses import replace

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.profile_revision import snapshot_in

from .connection import Cluster, Document
from .jobs import Job


def with_profile(cluster: Cluster, job: Job) -> Job:
    """The job with `status.profile`, if it was accepted. Raises ProfileNotFound where it is gone or was changed, and
    what `Cluster` raises."""
    kept = job.status.profile_revision
    if kept is None or job.status.profile is not None:
        return job
    snapshot = snapshot_in(_read(cluster, kept.revision), kept.digest)
    if snapshot is None:
        message = (
            f"ControllerRevision '{kept.revision}' in namespace '{job.namespace}', which keeps the profile of job "
            f"'{job.name}', is gone or was changed."
        )
        raise ReconstructionError("ProfileNotFound", message)
    return replace(job, status=job.status.model_copy(update={"profile": snapshot}))


def _read(cluster: Cluster, name: str) -> Document:
    """Nothing where there is no such revision."""
    try:
        return cluster.get(f"/apis/apps/v1/namespaces/{cluster.namespace}/controllerrevisions/{name}")
    except ReconstructionError as error:
        if error.code != "ObjectNotFound":
            raise
        return {}
