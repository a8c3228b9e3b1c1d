"""`recon retry`: a failed job gets a new chance, or one stage is run again."""

from __future__ import annotations

import click

from reconstruction_api.stage_table import STAGES, listed

from .options import Target, cluster_options, job_argument


@click.command("retry")
@job_argument
@click.option(
    "--stage",
    type=click.Choice([stage.name.value for stage in STAGES if stage.redo]),
    metavar="STAGE",
    help=f"Run this stage again: {listed(stage.name for stage in STAGES if stage.redo)}.",
)
@click.option("--watch", is_flag=True, help="Follow the job to its end, and end with its exit status.")
@cluster_options
def command(target: Target, name: str, stage: str | None, watch: bool) -> None:
    """Run a failed job again with the settings it has; what it has finished is kept.

    With --stage, run that stage and what builds on it again, also of a job that has succeeded.

    To try other settings, change the YAML and submit it instead.
    """
    from ..connection import connect
    from ..states import redo, retry

    cluster = connect(target)
    if stage is None:
        retry(cluster, name)
    else:
        redo(cluster, name, stage)
    if watch:
        from ..watching import watch_job

        raise click.exceptions.Exit(watch_job(cluster, name))
