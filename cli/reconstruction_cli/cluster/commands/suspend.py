"""`recon suspend`: free a job's hardware and keep what it has."""

from __future__ import annotations

import click

from .options import Target, cluster_options, job_argument


@click.command("suspend")
@job_argument
@cluster_options
def command(target: Target, name: str) -> None:
    """Save a checkpoint and free the job's hardware, until `recon resume`."""
    from ..connection import connect
    from ..states import suspend

    suspend(connect(target), name)
