"""`recon watch`: follow a job to its end."""

from __future__ import annotations

import click

from .options import Target, cluster_options, job_argument


@click.command("watch")
@job_argument
@cluster_options
def command(target: Target, name: str) -> None:
    """Follow a job to its end, and end with its exit status.

    0 when it has succeeded, otherwise the status of its failure's code (`recon explain CODE`). Ctrl-C ends the
    watching, not the job.
    """
    from ..connection import connect
    from ..watching import watch_job

    raise click.exceptions.Exit(watch_job(connect(target), name))
