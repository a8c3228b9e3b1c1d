"""`recon weights`: the weights of neural networks in a folder, which may be a mounted volume."""

from __future__ import annotations

from pathlib import Path

import click

_FOLDER = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of weights [default: $RECONSTRUCTION_WEIGHTS, or /weights].",
)


@click.group("weights")
def command() -> None:
    """Add, list and check the weights of neural networks. Nothing is fetched: get the files from where `list` says."""


@command.command("list")
@_FOLDER
def list_command(folder: Path | None) -> None:
    """Networks that can be used here: licence, source, and whether their weights are there."""
    from ..weights import list_weights

    list_weights(folder)


@command.command("add")
@click.argument("network")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_FOLDER
@click.option(
    "--accept-license",
    "accepted",
    multiple=True,
    metavar="LICENSE",
    help="A licence that does not allow commercial use without conditions, by its name; can be given several times.",
)
def add_command(network: str, file: Path, folder: Path | None, accepted: tuple[str, ...]) -> None:
    """Check the published FILE of a NETWORK, and put it into the folder as a file that holds numbers only."""
    from ..weights import add_weights

    add_weights(network, file, folder, accepted)


@command.command("verify")
@click.argument("networks", nargs=-1, metavar="[NETWORK]...")
@_FOLDER
def verify_command(networks: tuple[str, ...], folder: Path | None) -> None:
    """Compare the weights that are there, or those of each NETWORK, with their checksums."""
    from ..weights import verify_weights

    verify_weights(networks, folder)
