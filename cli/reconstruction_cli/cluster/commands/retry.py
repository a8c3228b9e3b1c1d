"""`recon retry`: a failed job gets a new chance."""

from __future__ import annotations

import click

from .options import Target, cluster_options, job_argument


@click.command("retry")
@job_argument
@click.option("--watch", is_flag=True, help="Follow the job to its end, and end with its exit status.")
@cluster_options
def command(target: Target, name: str, watch: bool) -> None:
    """Run a failed job again with the settings it has; what it has finished is kept.

    To try other settings, change the YAML and submit it instead.
    """
    from ..connection import connect
    from ..states import retry

    cluster = connect(target)
    retry(cluster, name)
    if watch:
        from ..watching import watch_job

        raise click.exceptions.Exit(watch_job(cluster, name))
