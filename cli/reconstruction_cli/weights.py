"""What `recon weights` does."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import click

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.profile import FREE_LICENSES
from reconstruction_api.readable import byte_size
from reconstruction_api.weights import Network
from reconstruction_worker.weights.adding import add
from reconstruction_worker.weights.checking import checked, compared, problem_of, weights_folder
from reconstruction_worker.weights.known import known_networks, packaged_file

from .cluster.table import aligned

_HEADER = ("NETWORK", "USED FOR", "LICENCE", "STATE", "FILE", "SOURCE")


def list_weights(folder: Path | None) -> None:
    """A line for each network."""
    folder = folder or weights_folder()
    rows = [
        (each.name, each.used_for, each.licence, _state(each, folder), _file(each), each.source)
        for each in known_networks().values()
    ]
    for line in aligned(_HEADER, rows):
        click.echo(line)


def add_weights(name: str, file: Path, folder: Path | None, accepted: Sequence[str]) -> None:
    """Raises LicenseNotAccepted, WeightsUnavailable, or a usage error for a network that nobody knows."""
    network, folder = _network(name), folder or weights_folder()
    if network.package:
        raise click.UsageError(f"{name} comes with the package {_package(network)}: nothing has to be added.")
    added = add(network, file, folder, (*FREE_LICENSES, *accepted))
    how = "made from" if network.converted else "as"
    click.echo(f"{folder / added.file}: {byte_size(added.bytes)}, {how} {file.name}, sha256 {added.sha256}.")


def verify_weights(names: Sequence[str], folder: Path | None) -> None:
    """Without names, those that are there. Raises WeightsUnavailable for the first that is not as it should be."""
    folder = folder or weights_folder()
    networks = [_network(name) for name in names] or [
        each for each in known_networks().values() if (_path(each, folder) or folder / each.file).is_file()
    ]
    for network in networks:
        click.echo(f"{network.name}: {byte_size(_verified(network, folder).stat().st_size)}, as its checksum says.")
    if not networks:
        click.echo(f"{folder} holds no weights.")


def _verified(network: Network, folder: Path) -> Path:
    if not network.package:
        return checked(network, folder)
    path = packaged_file(network)
    problem = "is not installed" if path is None or not path.is_file() else _problem_of_package(network, path)
    if path is None or problem:
        raise ReconstructionError(
            "WeightsUnavailable",
            f"{network.upstream.name} of the package {_package(network)} {problem}.",
            suggestion="Install the package again, from this release's lock.",
        )
    return path


def _problem_of_package(network: Network, path: Path) -> str:
    return compared(path, network.upstream.bytes, network.upstream.sha256)


def _state(network: Network, folder: Path) -> str:
    if network.package:
        path = packaged_file(network)
        return "installed" if path is not None and path.is_file() else "not installed"
    if not (folder / network.file).is_file():
        return "missing"
    problem = problem_of(network, folder)
    return "there" if not problem else f"unusable: {problem}"


def _file(network: Network) -> str:
    return f"package {_package(network)}" if network.package else network.file


def _package(network: Network) -> str:
    return network.package.partition("/")[0].replace("_", "-")


def _path(network: Network, folder: Path) -> Path | None:
    return packaged_file(network) if network.package else folder / network.file


def _network(name: str) -> Network:
    known = known_networks()
    if name not in known:
        close = get_close_matches(name, known, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise click.UsageError(f"There is no network '{name}'.{hint} Known here: {', '.join(known)}.")
    return known[name]
