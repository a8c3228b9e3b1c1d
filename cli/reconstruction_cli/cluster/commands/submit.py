"""`recon submit`: a job's YAML goes to the cluster."""

from __future__ import annotations

import click

from .options import Target, cluster_options


@click.command("submit")
@click.argument("file", metavar="JOB.YAML", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--watch", is_flag=True, help="Follow the job to its end, and end with its exit status.")
@click.option("--dry-run", is_flag=True, help="Let the cluster check the file without storing it.")
@click.option("--force-conflicts", is_flag=True, help="Take over fields that another tool has set.")
@cluster_options
def command(target: Target, file: str, watch: bool, dry_run: bool, force_conflicts: bool) -> None:
    """Check a job's YAML and apply it to the cluster."""
    from ..connection import connect
    from ..submitting import submit

    cluster = connect(target)
    explicit = target.namespace is not None
    job = submit(cluster, file, explicit_namespace=explicit, force=force_conflicts, dry_run=dry_run)
    if watch and not dry_run:
        from ..watching import watch_job

        raise click.exceptions.Exit(watch_job(cluster, job.name))
