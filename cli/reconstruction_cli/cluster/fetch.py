"""Brings a job's artifacts to this machine: from its volumes, or from where they are published."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.readable import byte_size
from reconstruction_api.worker import Artifact

from ..published_files import is_published, read_published
from .artifacts import delivered, requester_pays
from .connection import Cluster, Disconnected
from .download_pod import CONTAINER, download_pod
from .interruption import one_interruption
from .jobs import Job, get_job
from .transfer import Unreadable, read_file
from .volumes import claim_of, is_harmless, mounts_of, path_in_pod

_MOST_BREAKS: Final = 5
"""Lost connections in a row, without a byte in between, after which a download fails."""


def download(cluster: Cluster, name: str, *, files: Sequence[str], to: Path | None, seconds: float) -> None:
    """Fetch a job's artifacts (or those of them named in `files`) into a folder; what is there already is not fetched
    again. Either all files arrive, each with the checksum that the job's status has, or none is touched.

    `seconds` limits the wait for the pod that reads the volume. Raises ArtifactsNotReady, ArtifactStoreError, and what
    `download_pod` raises.
    """
    job = get_job(cluster, name)
    artifacts = _chosen(delivered(job), files)
    folder = to if to is not None else Path("out") / job.name
    missing = [artifact for artifact in artifacts if not _is_there(folder / artifact.name, artifact)]
    if missing:
        published = [artifact for artifact in missing if is_published(artifact.uri)]
        on_volume = [artifact for artifact in missing if artifact not in published]
        for claim in sorted({claim_of(artifact, job) for artifact in on_volume}):
            _check_claim(cluster, job, claim)
        with one_interruption(), _local_disk(folder), _staging(folder) as staging:
            _fetch_published(published, staging, pays=requester_pays(job))
            if on_volume:
                _fetch(cluster, job, on_volume, staging, seconds)
            for artifact in missing:
                (folder / artifact.name).parent.mkdir(parents=True, exist_ok=True)
                (staging / artifact.name).replace(folder / artifact.name)
    click.echo(f"Results in {folder}:")
    for artifact in artifacts:
        note = "" if artifact in missing else "  (was there)"
        click.echo(f"  {artifact.name}  {byte_size(artifact.size_bytes)}{note}")


def _chosen(artifacts: list[Artifact], files: Sequence[str]) -> list[Artifact]:
    """Raises a usage error for a file that the job did not deliver."""
    by_name = {artifact.name: artifact for artifact in artifacts if is_harmless(artifact.name)}
    for file in files:
        if file not in by_name:
            raise click.UsageError(f"The job has no artifact '{file}'. It has: {', '.join(by_name)}.")
    return [by_name[file] for file in dict.fromkeys(files)] if files else list(by_name.values())


def _is_there(path: Path, artifact: Artifact) -> bool:
    if not path.is_file() or path.stat().st_size != artifact.size_bytes:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == artifact.sha256


def _check_claim(cluster: Cluster, job: Job, claim: str) -> None:
    """A pod would wait for a claim that is gone. Raises ArtifactStoreError."""
    with contextlib.suppress(ReconstructionError):
        cluster.get(f"/api/v1/namespaces/{job.namespace}/persistentvolumeclaims/{claim}")
        return
    raise _store_error(f"The job's volume claim '{claim}' is gone, and its files with it.", "Run the job again.")


def _progress() -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _fetch_published(artifacts: Sequence[Artifact], staging: Path, *, pays: bool) -> None:
    """From the destination itself, with the credentials of whoever calls."""
    with _progress() as progress:
        for artifact in artifacts:
            task = progress.add_task(artifact.name, total=artifact.size_bytes)

            def read(offset: int, uri: str = artifact.uri) -> Iterator[bytes]:
                try:
                    yield from read_published(uri, offset, requester_pays=pays)
                except ConnectionError as error:
                    raise Disconnected(str(error)) from None

            receive(artifact, read, staging / artifact.name, lambda count, task=task: progress.advance(task, count))


def _fetch(cluster: Cluster, job: Job, artifacts: Sequence[Artifact], staging: Path, seconds: float) -> None:
    mounts, used = mounts_of(job), {claim_of(artifact, job) for artifact in artifacts}
    mounts = {claim: path for claim, path in mounts.items() if claim in used}
    with (
        download_pod(cluster, job, mounts, seconds, lambda text: click.echo(text, err=True)) as pod,
        _progress() as progress,
    ):
        for artifact in artifacts:
            task = progress.add_task(artifact.name, total=artifact.size_bytes)
            path = path_in_pod(artifact, job)

            def read(offset: int, path: str = path) -> Iterator[bytes]:
                return read_file(cluster, pod, CONTAINER, path, offset)

            try:
                receive(artifact, read, staging / artifact.name, lambda count, task=task: progress.advance(task, count))
            except Unreadable as error:
                raise _unreadable(artifact, str(error)) from None


def receive(
    artifact: Artifact, read: Callable[[int], Iterator[bytes]], target: Path, advance: Callable[[int], None]
) -> None:
    """Write a file and check it. `read(offset)` gives its content from a byte on; after a lost connection it is asked
    for the rest. Raises ArtifactStoreError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, count, breaks = hashlib.sha256(), 0, 0
    with target.open("wb") as file:
        while True:
            try:
                for piece in read(count):
                    file.write(piece)
                    digest.update(piece)
                    count, breaks = count + len(piece), 0
                    advance(len(piece))
                    if count > artifact.size_bytes:
                        raise _changed(artifact)
                break
            except Disconnected:
                breaks += 1
                if breaks > _MOST_BREAKS:
                    raise _store_error(f"{artifact.name}: the connection is interrupted repeatedly.") from None
                time.sleep(0.5 * (breaks - 1))
        file.flush()
        os.fsync(file.fileno())
    if (count, digest.hexdigest()) != (artifact.size_bytes, artifact.sha256):
        raise _changed(artifact)


def _unreadable(artifact: Artifact, complaint: str) -> ReconstructionError:
    if "FileNotFoundError" in complaint:
        return _store_error(f"{artifact.name} is no longer on the job's volume.", "Run the job again.")
    return _store_error(f"{artifact.name} can't be read from the job's volume ({complaint.partition(':')[0]}).")


def _changed(artifact: Artifact) -> ReconstructionError:
    return _store_error(
        f"{artifact.name} on the job's volume is not the file that the job delivered: its checksum differs.",
        "If the job runs again, wait for its end; otherwise run it again.",
    )


def _store_error(message: str, suggestion: str = "Try again.") -> ReconstructionError:
    return ReconstructionError("ArtifactStoreError", message, suggestion=suggestion)


@contextlib.contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """A folder beside the files' places, on the same file system; gone in the end."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".recon-", dir=folder) as staging:
        yield Path(staging)


@contextlib.contextmanager
def _local_disk(folder: Path) -> Iterator[None]:
    """What goes wrong on this machine, as the user's failure. Raises DiskFull or a usage error."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ReconstructionError(
                "DiskFull", f"There is no space left for {folder}.", suggestion="Make space, or choose another --to."
            ) from None
        raise click.UsageError(f"{folder} can't be written: {error.strerror}.") from None
