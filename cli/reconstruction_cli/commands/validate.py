"""`recon validate`: the mistakes in a job's YAML, without a cluster."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("validate")
@click.argument("job_file", metavar="JOB.YAML", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def command(job_file: Path) -> None:
    """Check a job's YAML and name every mistake by field and line."""
    from ..jobs import check_engine, read_job

    job = read_job(job_file)
    for engine in job.spec.named_engines:  # else the cluster's profile decides, which need not be what is here
        check_engine(engine)
    click.echo(f"{job_file}: {job.metadata.name} is valid.")
