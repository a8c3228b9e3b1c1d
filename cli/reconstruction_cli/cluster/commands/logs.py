"""`recon logs`: what a job's pods have to say."""

from __future__ import annotations

import click

from reconstruction_api.stage_table import ResourceClass, described_classes

from .options import Target, cluster_options, job_argument


@click.command("logs")
@job_argument
@click.option("-f", "--follow", is_flag=True, help="Continue until the job has ended.")
@click.option(
    "--stage-class",
    type=click.Choice([each.value for each in ResourceClass]),
    help=f"Only the pods of these stages: {described_classes().replace('`', '')}.",
)
@click.option("--tail", type=click.IntRange(min=0), metavar="LINES", help="Only each pod's last lines.")
@click.option("--raw", is_flag=True, help="The workers' JSON lines as they are.")
@cluster_options
def command(target: Target, name: str, follow: bool, stage_class: str | None, tail: int | None, raw: bool) -> None:
    """Print the logs of a job's pods, made readable."""
    from ..connection import connect
    from ..pod_logs import Printer, follow_logs, show_logs

    cluster = connect(target)
    show = follow_logs if follow else show_logs
    show(cluster, name, stage_class=stage_class, printer=Printer(cluster, tail=tail, raw=raw))
