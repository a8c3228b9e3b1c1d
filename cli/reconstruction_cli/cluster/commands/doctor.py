"""`recon doctor`: whether a cluster can do what jobs will ask of it."""

from __future__ import annotations

import click

from .options import Target, cluster_options


@click.command("doctor")
@click.option("--gpu", is_flag=True, help="Check the GPU that a profile's jobs train on.")
@click.option("--profile", default="default", show_default=True, metavar="NAME", help="Profile, as spec.profileName.")
@click.option("--engine", metavar="NAME", help="Use the image of this engine [default: the profile's default].")
@click.option(
    "--timeout",
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    type=click.FloatRange(min=1),
    help="Longest wait for a node with a GPU.",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGUMENT...]")
@cluster_options
def command(
    target: Target, gpu: bool, profile: str, engine: str | None, timeout: float, arguments: tuple[str, ...]
) -> None:
    """Check what a cluster has for jobs: with --gpu, a pod trains, renders, stops and continues on a GPU.

    The pod is placed and equipped as the profile's pods that train, takes some minutes, and is removed afterwards.
    What follows `--` goes to the check: `-- --engines splats --steps 100`.
    """
    if not gpu:
        raise click.UsageError("Name what is to be checked: --gpu.")
    from ..connection import connect
    from ..gpu_check import check_gpu

    status = check_gpu(connect(target), profile, engine=engine, seconds=timeout, arguments=arguments)
    raise click.exceptions.Exit(status)
