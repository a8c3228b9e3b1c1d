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
@click.option(
    "--cluster/--no-cluster",
    default=None,
    help="Whether to ask a cluster what its finished jobs took [default: where a kubeconfig leads to one].",
)
@click.option("-n", "--namespace", metavar="NAME", help="Namespace of those jobs [default: the context's].")
@click.option("--context", metavar="NAME", help="Context of the kubeconfig [default: the current one].")
@click.option("--kubeconfig", metavar="FILE", help="Kubeconfig [default: $KUBECONFIG or ~/.kube/config].")
def command(
    job_file: Path,
    profiles: tuple[Path, ...],
    count: int | None,
    volumes: tuple[str, ...],
    results: Path,
    cluster: bool | None,
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
) -> None:
    """Say what a job will take with each profile, and which of the numbers are measured and which are guesses.

    Measured are the times of jobs with the same engine, with or without a GPU as this one, that have finished below
    --results, where `recon run` or `recon download` has left them, or in a namespace of a cluster.
    """
    from ..cluster.commands.options import Target
    from ..estimating.asked import print_estimates

    target = Target(kubeconfig, context, namespace)
    print_estimates(job_file, profiles, count, volumes, results, target, in_cluster=cluster)
