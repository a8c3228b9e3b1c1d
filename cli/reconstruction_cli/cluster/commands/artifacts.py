"""`recon artifacts`: what a job delivered."""

from __future__ import annotations

import click

from .options import Target, cluster_options, job_argument


@click.command("artifacts")
@job_argument
@click.option("-o", "--output", type=click.Choice(["json", "yaml", "wide"]), help="Output format.")
@cluster_options
def command(target: Target, name: str, output: str | None) -> None:
    """List a job's artifacts with their sizes and checksums."""
    from ..artifacts import show_artifacts
    from ..connection import connect

    show_artifacts(connect(target), name, output)
