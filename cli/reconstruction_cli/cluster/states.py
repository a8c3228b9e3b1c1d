"""Suspending, resuming and retrying: changes of spec.suspend."""

from __future__ import annotations

import click

from reconstruction_api.errors import ReconstructionError

from .connection import Cluster
from .jobs import Job, get_job, job_path


def suspend(cluster: Cluster, name: str) -> None:
    """Raises AlreadyTerminal for a job that has ended: there is nothing to stop."""
    job = get_job(cluster, name)
    if job.succeeded is not None:
        how = "has succeeded" if job.succeeded else "has failed"
        raise ReconstructionError(
            "AlreadyTerminal", f"{job.full_name} {how}; there is nothing to suspend.",
            suggestion="Nothing to do: an ended job holds no hardware.",
        )  # fmt: skip
    if job.spec.get("suspend"):
        click.echo(f"{job.full_name} is suspended already.")
        return
    _set_suspend(cluster, job, True)
    click.echo(f"{job.full_name} suspended: it saves a checkpoint and frees its hardware.")


def resume(cluster: Cluster, name: str) -> None:
    """Continue a suspended job."""
    job = get_job(cluster, name)
    if not job.spec.get("suspend"):
        click.echo(f"{job.full_name} is not suspended.")
        return
    _set_suspend(cluster, job, False)
    click.echo(f"{job.full_name} resumed: it continues from what it has finished.")


def retry(cluster: Cluster, name: str) -> None:
    """Give a failed job a new chance with the settings that it has. Raises AlreadyTerminal for one that succeeded.

    The operator gives every change of the spec a new chance; suspending and resuming is a change that leaves no trace.
    """
    job = get_job(cluster, name)
    if job.succeeded:
        raise ReconstructionError("AlreadyTerminal", f"{job.full_name} has succeeded.")
    if job.cancelled:
        raise ReconstructionError(
            "AlreadyTerminal", f"{job.full_name} is cancelled for good.", suggestion="Create another job."
        )
    if job.succeeded is None:
        click.echo(f"{job.full_name} has not failed; it goes on by itself.")
        return
    _set_suspend(cluster, job, True)
    _set_suspend(cluster, job, False)
    click.echo(f"{job.full_name} tries again; what it has finished is kept.")


def _set_suspend(cluster: Cluster, job: Job, value: bool) -> None:
    """Only on the object that was looked at: another of the same name is not touched."""
    cluster.patch(job_path(job.namespace, job.name), {"metadata": {"uid": job.uid}, "spec": {"suspend": value}})
