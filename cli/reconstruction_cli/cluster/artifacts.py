"""What a job delivered."""

from __future__ import annotations

import click
from pydantic import ValidationError

from reconstruction_api.destination import Destination, expanded, location
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.readable import byte_size
from reconstruction_api.worker import Artifact

from ..published_files import OBJECTS, signed
from .connection import Cluster
from .jobs import Job, get_job
from .listing import print_document
from .table import aligned


def show_artifacts(cluster: Cluster, name: str, output: str | None) -> None:
    """Print a job's artifacts. Raises ArtifactsNotReady."""
    artifacts = delivered(get_job(cluster, name))
    if output in ("json", "yaml"):
        items = [artifact.model_dump(mode="json", by_alias=True) for artifact in artifacts]
        print_document({"items": items}, output)
        return
    header = ["NAME", "FORMAT", "SIZE", "SHA256"]
    rows = [[item.name, item.format, byte_size(item.size_bytes), item.sha256] for item in artifacts]
    if output == "wide":
        header += ["MEDIA TYPE", "URI"]
        rows = [[*row, item.media_type, item.uri] for row, item in zip(rows, artifacts, strict=True)]
    click.echo("\n".join(aligned(header, rows)))


def show_signed(cluster: Cluster, name: str, seconds: int, output: str | None) -> None:
    """Print addresses of a job's published artifacts that can be read for so long. Nothing of them is kept. Raises
    ArtifactsNotReady, and what `signed` raises."""
    job = get_job(cluster, name)
    addresses = {
        artifact.name: signed(_object_address(job, artifact), seconds, requester_pays=requester_pays(job))
        for artifact in delivered(job)
    }
    if output in ("json", "yaml"):
        print_document({"items": [{"name": name, "url": url} for name, url in addresses.items()]}, output)
        return
    click.echo("\n".join(aligned(["NAME", "URL"], [[name, url] for name, url in addresses.items()])))


def _object_address(job: Job, artifact: Artifact) -> str:
    """Where the storage has it, whatever address readers are shown."""
    try:
        destination = Destination.model_validate(job.spec.get("destination") or {}, extra="ignore")
    except ValidationError:
        destination = None
    uri = artifact.uri
    if destination is not None and destination.public_base_url is not None:
        prefix = expanded(location(destination), namespace=job.namespace, name=job.name, uid=job.uid)
        shown = f"{destination.public_base_url.rstrip('/')}/"
        uri = f"{prefix}{uri.removeprefix(shown)}" if uri.startswith(shown) else uri
    if uri.partition("://")[0] not in OBJECTS:
        raise ReconstructionError(
            "ArtifactsNotReady",
            f"{artifact.name} is at {uri}, which needs no signature or can't be signed.",
            suggestion="Only what is published to s3://, gs:// or az:// can be signed; see `recon download`.",
        )
    return uri


def requester_pays(job: Job) -> bool:
    """Whether the bucket that the job publishes to charges those who ask."""
    return (job.spec.get("destination") or {}).get("requesterPays") is True


def delivered(job: Job) -> list[Artifact]:
    """A job's artifacts; raises ArtifactsNotReady while it has none, and says why."""
    if job.status.artifacts:
        return job.status.artifacts
    if job.succeeded:
        why = "it has succeeded, but its list of artifacts was lost. Look into `artifacts/` on its volume"
    elif job.succeeded is False:
        why = f"it has failed ({job.status.failure.code if job.status.failure else 'see its conditions'})"
    elif job.status.stage is None:
        why = "it has not started"
    else:
        why = f"stage {job.status.stage}, {job.status.progress.percent if job.status.progress else 0} %"
    raise ReconstructionError("ArtifactsNotReady", f"{job.full_name} has no artifacts: {why}.")
