"""`recon resume`: a suspended job continues."""

from __future__ import annotations

import click

from .options import Target, cluster_options, job_argument


@click.command("resume")
@job_argument
@cluster_options
def command(target: Target, name: str) -> None:
    """Continue a suspended job from what it has finished."""
    from ..connection import connect
    from ..states import resume

    resume(connect(target), name)
