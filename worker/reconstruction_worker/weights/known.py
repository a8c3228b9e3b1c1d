"""All networks that this installation can use: those of the manifest, and those that installed engines declare."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from reconstruction_api.engines import EngineSpec, Weights
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.weights import NETWORKS, Network, Upstream

from ..engines.registry import available, engine_spec


def known_networks() -> dict[str, Network]:
    """By name."""
    found = dict(NETWORKS)
    for name in available():
        try:
            spec = engine_spec(name)
        except ReconstructionError:  # its installation is incomplete
            continue
        found |= {network.name: network for network in (of_engine(spec, each) for each in spec.weights)}
    return found


def of_engine(engine: EngineSpec, weights: Weights) -> Network:
    """A file that an engine declares; it goes by its path."""
    return Network(
        name=weights.file,
        used_for=f"the engine {engine.name}",
        licence=weights.licence,
        source=weights.source,
        upstream=Upstream(PurePosixPath(weights.file).name, None, weights.sha256),
        path=weights.file,
    )


def packaged_file(network: Network) -> Path | None:
    """The file that an installed package brings; None where it is not installed."""
    package, _, below = network.package.partition("/")
    found = find_spec(package) if package else None
    if found is None or found.origin is None:
        return None
    return Path(found.origin).parent / below / network.upstream.name
