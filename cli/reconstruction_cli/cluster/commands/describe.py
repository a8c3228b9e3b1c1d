"""`recon describe`: everything about one job."""

from __future__ import annotations

import click

from .options import Target, cluster_options, job_argument


@click.command("describe")
@job_argument
@cluster_options
def command(target: Target, name: str) -> None:
    """Show a job's stages, conditions, numbers, failure and latest events."""
    from ..connection import connect
    from ..describing import describe

    describe(connect(target), name)
