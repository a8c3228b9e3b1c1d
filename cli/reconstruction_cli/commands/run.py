"""`recon run`: the job's stages, one after the other, on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from reconstruction_api.stage_table import StageName, listed


@click.command("run")
@click.argument("job_file", metavar="JOB.YAML", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Results folder [default: out/JOB-NAME].")
@click.option(
    "--volume",
    "volumes",
    multiple=True,
    metavar="CLAIM=DIR",
    help="Folder that stands for a volume claim of the job; can be given several times.",
)
@click.option(
    "--job",
    "jobs",
    multiple=True,
    metavar="NAME=DIR",
    help="Results folder of the job that spec.source.jobRef names [default: beside this job's].",
)
@click.option(
    "--source", type=click.Path(path_type=Path), metavar="PATH", help="Folder or archive to use instead of spec.source."
)
@click.option("--until", metavar="STAGE", help=f"Last stage to run: {listed(StageName)}.")
@click.option(
    "--from-destination",
    is_flag=True,
    help="Only deliver: where the workspace is gone, from the results that are at spec.destination.",
)
@click.option("--verify", is_flag=True, help="Compare every byte of earlier results before relying on them.")
def command(
    job_file: Path,
    out: Path | None,
    volumes: tuple[str, ...],
    jobs: tuple[str, ...],
    source: Path | None,
    until: str | None,
    from_destination: bool,
    verify: bool,
) -> None:
    """Run a job on this machine: photos in, 3D assets out.

    Run again, and nothing is done twice; change the YAML, and only the stages that depend on the change run; interrupt
    it, and training continues from its last checkpoint.
    """
    from ..local_run import run_locally

    raise click.exceptions.Exit(
        run_locally(
            job_file,
            out=out,
            volumes=volumes,
            jobs=jobs,
            source=source,
            until=until,
            verify=verify,
            from_destination=from_destination,
        )
    )
