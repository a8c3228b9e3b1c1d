"""`recon artifacts`: what a job delivered."""

from __future__ import annotations

from typing import Final

import click

from .options import Target, cluster_options, job_argument

_WEEK: Final = 7 * 86_400
"""The longest that S3 signs for."""


@click.command("artifacts")
@job_argument
@click.option("-o", "--output", type=click.Choice(["json", "yaml", "wide"]), help="Output format.")
@click.option(
    "--presign",
    metavar="TIME",
    callback=lambda _context, _option, text: None if text is None else _seconds(text),
    help="Print an address of each published file that anybody can read for so long (90s, 30m, 1h, 7d), signed with "
    "the credentials of this shell.",
)
@cluster_options
def command(target: Target, name: str, output: str | None, presign: int | None) -> None:
    """List a job's artifacts with their sizes and checksums."""
    from ..artifacts import show_artifacts, show_signed
    from ..connection import connect

    if presign is None:
        show_artifacts(connect(target), name, output)
    else:
        show_signed(connect(target), name, presign, output)


def _seconds(text: str) -> int:
    units = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
    number, unit = text[:-1], text[-1:]
    seconds = int(number) * units[unit] if number.isdigit() and unit in units else 0
    if not 1 <= seconds <= _WEEK:
        raise click.BadParameter("a time such as 90s, 30m, 1h or 7d, of at most a week")
    return seconds
