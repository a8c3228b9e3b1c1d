"""Cancelling in two steps: a request that the operator notes, and its confirmation within an hour."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import click

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.lifecycle import Cancellation, CancellationState, CancellationStatus

from .connection import Cluster
from .jobs import Job, get_job, job_path

_OPERATOR_SECONDS: Final = 10.0
"""How long the operator is waited for; it answers within milliseconds when it is there."""
_POLL_SECONDS: Final = 0.2


def request(cluster: Cluster, name: str) -> None:
    """Ask for a job's cancellation; the job continues. Raises AlreadyTerminal for one that has ended."""
    job = _running(get_job(cluster, name))
    noted = job.status.cancellation
    if noted is not None and noted.state is not CancellationState.REQUESTED:  # lapsed: ask again
        _wish(cluster, job, None)
        job = _until(cluster, job.name, lambda status: status is None)
    if job.spec.get("cancellation") is None:
        _wish(cluster, job, Cancellation.REQUESTED)
    job = _running(_until(cluster, job.name, _is_open))
    limit = job.status.cancellation.confirm_before if job.status.cancellation else None
    click.echo(
        f"{job.full_name}: cancellation requested; the job continues. To stop it for good and remove its files, before "
        f"{limit}: recon cancel {job.name} -n {job.namespace} --confirm"
    )


def confirm(cluster: Cluster, name: str) -> None:
    """Stop a job for good. Raises CancelNotRequested unless there is an open request, AlreadyTerminal at its end."""
    job = _running(get_job(cluster, name))
    if not _is_open(job.status.cancellation):
        raise ReconstructionError(
            "CancelNotRequested",
            _why_not(job),
            suggestion=f"recon cancel {job.name} -n {job.namespace}, then the same with --confirm within an hour.",
        )
    _wish(cluster, job, Cancellation.CONFIRMED)
    job = _until(cluster, job.name, lambda status: not _is_open(status))
    if job.status.cancellation is None or job.status.cancellation.state is not CancellationState.CONFIRMED:
        raise ReconstructionError("CancelNotRequested", _why_not(job))
    click.echo(f"{job.full_name} is cancelled: its pods are stopped, its files are removed.")


def withdraw(cluster: Cluster, name: str) -> None:
    """Take a request back."""
    job = _running(get_job(cluster, name))
    if job.spec.get("cancellation") is None:
        click.echo(f"{job.full_name}: there is no request to withdraw.")
        return
    _wish(cluster, job, None)
    click.echo(f"{job.full_name}: the request is withdrawn; the job continues.")


def _running(job: Job) -> Job:
    if job.cancelled:
        raise ReconstructionError("AlreadyTerminal", f"{job.full_name} is already cancelled.")
    if job.status.completion_time is not None:
        how = "succeeded" if job.succeeded else "ended"
        raise ReconstructionError(
            "AlreadyTerminal",
            f"{job.full_name} has {how}; there is nothing to cancel.",
            suggestion=f"kubectl delete recon {job.name} -n {job.namespace} removes the job with its files.",
        )
    return job


def _is_open(status: CancellationStatus | None) -> bool:
    return status is not None and status.state is CancellationState.REQUESTED


def _why_not(job: Job) -> str:
    status = job.status.cancellation
    if status is not None and status.state is CancellationState.LAPSED:
        return f"{job.full_name}: the request has lapsed; it was not confirmed before {status.confirm_before}."
    return f"{job.full_name}: no cancellation has been requested."


def _wish(cluster: Cluster, job: Job, value: Cancellation | None) -> None:
    """Only on the object that was looked at."""
    body = {"metadata": {"uid": job.uid}, "spec": {"cancellation": value.value if value else None}}
    cluster.patch(job_path(job.namespace, job.name), body)


def _until(cluster: Cluster, name: str, holds: Callable[[CancellationStatus | None], bool]) -> Job:
    """The job once the operator has written what is awaited."""
    deadline = time.monotonic() + _OPERATOR_SECONDS
    while True:
        job = get_job(cluster, name)
        if holds(job.status.cancellation) or job.status.completion_time is not None:
            return job
        if time.monotonic() > deadline:
            raise ReconstructionError(
                "OperatorNotInstalled",
                f"The operator has not processed the change of {job.full_name} yet.",
                suggestion="Check that the operator runs, then give the same command again.",
            )
        time.sleep(_POLL_SECONDS)
