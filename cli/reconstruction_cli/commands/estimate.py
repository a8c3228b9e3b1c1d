"""`recon estimate`: photos, stages, time, cost, memory and disk of a job, before it is submitted."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("estimate")
@click.argument("job_file", metavar="JOB.YAML", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--profile",
    "profiles",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML of a profile, with its hardware, defaults and prices; can be given several times.",
)
@click.option("--photos", "count", type=click.IntRange(1), help="Photos of a source that is not on this machine.")
@click.option(
    "--volume", "volumes", multiple=True, metavar="CLAIM=DIR", help="Folder that stands for a volume claim of the job."
)
@click.option(
    "--results",
    default="out",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder with results of finished jobs, whose times are measured.",
)
def command(
    job_file: Path, profiles: tuple[Path, ...], count: int | None, volumes: tuple[str, ...], results: Path
) -> None:
    """Say what a job will take with each profile, and which of the numbers are measured and which are guesses.

    Measured are the times of jobs with the same engine that have finished below --results, such as those that
    `recon run` or `recon download` has left there.
    """
    from ..estimating.asked import print_estimates

    print_estimates(job_file, profiles, count, volumes, results)
