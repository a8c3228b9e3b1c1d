"""`recon list`: the jobs of a namespace."""

from __future__ import annotations

import click

from .options import Target, cluster_options


@click.command("list")
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Jobs of all namespaces.")
@click.option("-l", "--selector", metavar="LABELS", help="Only jobs with these labels, such as team=museum.")
@click.option("-o", "--output", type=click.Choice(["json", "yaml", "wide", "name"]), help="Output format.")
@cluster_options
def command(target: Target, everywhere: bool, selector: str | None, output: str | None) -> None:
    """List the jobs on the cluster."""
    from ..connection import connect
    from ..listing import list_jobs

    list_jobs(connect(target), everywhere=everywhere, selector=selector, output=output)
