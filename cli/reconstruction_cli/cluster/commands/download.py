"""`recon download`: a job's artifacts come to this machine."""

from __future__ import annotations

from pathlib import Path

import click

from .options import Target, cluster_options, job_argument


@click.command("download")
@job_argument
@click.argument("files", metavar="[FILE]...", nargs=-1)
@click.option("--to", type=click.Path(file_okay=False, path_type=Path), help="Folder [default: out/NAME].")
@click.option(
    "--timeout",
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    type=click.FloatRange(min=1),
    help="Longest wait for the pod that reads the job's volume.",
)
@cluster_options
def command(target: Target, name: str, files: tuple[str, ...], to: Path | None, timeout: float) -> None:
    """Fetch a job's artifacts, all or those named, and verify their checksums.

    A small pod reads them from the job's volume; it is removed afterwards. Files that are there already are not
    fetched again.
    """
    from ..connection import connect
    from ..fetch import download

    download(connect(target), name, files=files, to=to, seconds=timeout)
