"""The volume claims that a job's files are on: its workspace, and the one that it publishes to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from urllib.parse import unquote

from pydantic import ValidationError

from reconstruction_api.destination import Destination
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.names import DESTINATION_PATH, WORKSPACE_PATH
from reconstruction_api.worker import Artifact

from .jobs import Job

SCHEME = "pvc://"


def mounts_of(job: Job) -> Mapping[str, str]:
    """Where a pod that reads the job's files has each of its claims, by the claim's name. A status may name others;
    those are nobody's to mount."""
    mounts: dict[str, str] = {}
    if (published := _destination_claim(job)) is not None:
        mounts[published] = DESTINATION_PATH
    if job.status.workspace_claim is not None:
        mounts[job.status.workspace_claim] = WORKSPACE_PATH
    return mounts


def claim_of(artifact: Artifact, job: Job) -> str:
    """Name of the claim that a file is on. Raises ArtifactStoreError for one that is not the job's."""
    claim = artifact.uri.removeprefix(SCHEME).partition("/")[0]
    if not artifact.uri.startswith(SCHEME) or claim not in mounts_of(job):
        raise ReconstructionError(
            "ArtifactStoreError",
            f"{artifact.name} is at {artifact.uri}, which is neither the job's volume nor where its spec publishes.",
            suggestion="Mount that claim in a pod of yours to read it, or run the job again.",
        )
    return claim


def path_in_pod(artifact: Artifact, job: Job) -> str:
    """Where that pod finds a file. Raises ArtifactStoreError."""
    claim = claim_of(artifact, job)
    path = unquote(artifact.uri.removeprefix(f"{SCHEME}{claim}/"))
    if not is_harmless(path):
        raise ReconstructionError("ArtifactStoreError", f"{artifact.name} is at {artifact.uri}, which leads elsewhere.")
    return f"{mounts_of(job)[claim]}/{path}"


def is_harmless(name: str) -> bool:
    """A status must not say where on a machine files are read or written."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\\" not in name


def _destination_claim(job: Job) -> str | None:
    try:
        destination = Destination.model_validate(job.spec.get("destination") or {}, extra="ignore")
    except ValidationError:
        return None
    claim = destination.persistent_volume_claim
    return claim.claim_name if claim is not None else None
