"""`recon cancel`: stop a job for good, in two steps."""

from __future__ import annotations

import click

from .options import Target, cluster_options, job_argument


@click.command("cancel")
@job_argument
@click.option("--confirm", "step", flag_value="confirm", help="Within an hour of the request: stop the job for good.")
@click.option("--withdraw", "step", flag_value="withdraw", help="Withdraw the request.")
@cluster_options
def command(target: Target, name: str, step: str | None) -> None:
    """Ask for a job's cancellation; the same with --confirm stops it and removes its files.

    Until then the job continues. A job that has ended can't be cancelled.
    """
    from ..cancelling import confirm, request, withdraw
    from ..connection import connect

    {"confirm": confirm, "withdraw": withdraw}.get(step or "", request)(connect(target), name)
