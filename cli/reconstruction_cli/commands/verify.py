"""`recon verify`: whether a copy of a job's results is whole."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("verify")
@click.argument("copy", metavar="DIR|BUNDLE.ZIP", type=click.Path(exists=True, path_type=Path))
def command(copy: Path) -> None:
    """Compare each file of a copy with the sizes and checksums in its manifest.json."""
    from ..verifying import verify

    verify(copy)
