"""`recon retry`: a failed job gets a new chance, or one stage is run again."""

from __future__ import annotations

import click

from .options import Target, cluster_options, job_argument


class _Stage(click.ParamType):
    """A stage's name. The API's models are imported only when one is given: help must be there at once."""

    name = "stage"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from reconstruction_api.stages import StageName

        names = [stage.value for stage in StageName]
        if value not in names:
            self.fail(f"'{value}' is not one of {', '.join(names)}.", param, ctx)
        return value


@click.command("retry")
@job_argument
@click.option("--stage", type=_Stage(), help="Run this stage again: mesh, for example.")
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
