"""Suspending, resuming and retrying: small changes of the spec."""

from __future__ import annotations

from typing import Any

import click

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.reasons import Reason
from reconstruction_api.status import ConditionType

from .connection import Cluster
from .jobs import Job, get_job, job_path


def suspend(cluster: Cluster, name: str) -> None:
    """Raises AlreadyTerminal for a job that has ended: there is nothing to stop."""
    job = get_job(cluster, name)
    if job.succeeded is not None:
        how = "has succeeded" if job.succeeded else "has failed"
        raise ReconstructionError(
            "AlreadyTerminal",
            f"{job.full_name} {how}; there is nothing to suspend.",
            suggestion="Nothing to do: an ended job holds no hardware.",
        )
    if job.spec.get("suspend"):
        click.echo(f"{job.full_name} is already suspended.")
        return
    _set(cluster, job, suspend=True)
    click.echo(f"{job.full_name} suspended: it saves a checkpoint and frees its hardware.")


_HELD_BY: dict[str, str] = {Reason.PAUSED: "pauseAfter", Reason.SOFT_DEADLINE_EXCEEDED: "softDeadlineSeconds"}
"""The field that holds a job, by the reason of its condition Suspended."""


def resume(cluster: Cluster, name: str) -> None:
    """Continue a suspended job, a paused one, or one whose soft deadline has elapsed, by clearing what holds it."""
    job = get_job(cluster, name)
    held = job.condition(ConditionType.SUSPENDED)
    field = _HELD_BY.get(held.reason) if held is not None and held.status == "True" else None
    if job.spec.get("suspend"):
        _set(cluster, job, suspend=False)
        click.echo(f"{job.full_name} resumed: it continues from what it has finished.")
    elif field is not None and job.spec.get(field) is not None:
        _set(cluster, job, **{field: None})
        click.echo(f"{job.full_name} resumed: spec.{field} is cleared; it continues from what it has finished.")
    elif field is not None:
        raise ReconstructionError(
            "DeadlineExceeded",
            f"{job.full_name} has run for as long as its profile allows jobs that leave spec.{field} unset.",
            suggestion=f"Set spec.{field} to a larger number in its YAML.",
        )
    else:
        click.echo(f"{job.full_name} is not suspended.")


def retry(cluster: Cluster, name: str) -> None:
    """Give a failed job a new chance with the settings that it has. Raises AlreadyTerminal for one that succeeded.

    The operator gives every change of the spec a new chance; suspending and resuming is a change that leaves no trace.
    """
    job = get_job(cluster, name)
    if job.succeeded:
        raise ReconstructionError("AlreadyTerminal", f"{job.full_name} has succeeded.")
    if job.cancelled:
        raise _cancelled(job)
    if job.succeeded is None:
        click.echo(f"{job.full_name} has not failed; it continues by itself.")
        return
    _set(cluster, job, suspend=True)
    _set(cluster, job, suspend=False)
    click.echo(f"{job.full_name} tries again; what it has finished is kept.")


def redo(cluster: Cluster, name: str, stage: str) -> None:
    """Run one stage again, and what builds on it, whether or not the job has ended."""
    job = get_job(cluster, name)
    if job.cancelled:
        raise _cancelled(job)
    count = (job.spec.get("redo") or {}).get(stage, 0) + 1
    _set(cluster, job, redo={stage: count})
    click.echo(f"{job.full_name} runs {stage} again, and what builds on it; earlier stages are kept.")


def _cancelled(job: Job) -> ReconstructionError:
    message = f"{job.full_name} is cancelled for good."
    return ReconstructionError("AlreadyTerminal", message, suggestion="Create another job.")


def _set(cluster: Cluster, job: Job, **fields: Any) -> None:
    """Only on the object that was looked at: another of the same name is not touched."""
    cluster.patch(job_path(job.namespace, job.name), {"metadata": {"uid": job.uid}, "spec": fields})
