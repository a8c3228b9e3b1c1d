"""Which network sees geometry here, and why none does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.poses import PoseMethod
from reconstruction_api.weights import DEPTH_ANYTHING, GEOMETRY, MAP_ANYTHING, Network

from ..weights.checking import checked, problem_of, weights_folder
from . import depth_anything, map_anything
from .geometry_network import GeometryNetwork

FEWEST, MOST = 2, 30
"""Photos that are looked at in one pass."""
_MISSING_PACKAGE: Final = f"the worker was installed without its optional extra '{depth_anything.EXTRA}'"


def check_photos(count: int) -> None:
    """Raises ImageCountOutOfRange where so many photos are not looked at."""
    if not FEWEST <= count <= MOST:
        raise ReconstructionError(
            "ImageCountOutOfRange",
            f"spec.poses.method FeedForward takes {FEWEST} to {MOST} photos; there are {count}.",
            suggestion=f"Choose {MOST} of them, or set spec.poses.method to StructureFromMotion.",
            details={"images": count, "minimum": FEWEST, "maximum": MOST},
        )


def check_spec(spec: ReconstructionJobSpec, accepted: Sequence[str] | None = None) -> None:
    """What a job needs that asks for a network, before photos are fetched. Raises EngineUnavailable,
    WeightsUnavailable, or LicenseNotAccepted where the weights' licence is not among the `accepted` ones."""
    if spec.poses.method is not PoseMethod.FEED_FORWARD:
        return
    network = check_network()
    if accepted is not None and network.licence not in accepted:
        raise ReconstructionError(
            "LicenseNotAccepted",
            f"spec.poses.method FeedForward reads the weights of {network.name}, whose licence is "
            f"{network.licence!r}; the profile accepts {', '.join(accepted) or 'none'}.",
            details={"network": network.name, "license": network.licence},
        )


def check_network() -> Network:
    """The best network that can be used here and whose weights are there. Raises EngineUnavailable without the
    packages, GPUUnavailable where only one is there that needs a GPU, and WeightsUnavailable where no weights are
    there, or where those that are there must not be read."""
    there = [network for network in GEOMETRY if (weights_folder() / network.file).is_file()]
    usable = next((network for network in there if not _obstacle(network)), None)
    if usable is not None:
        checked(usable)
        return usable
    if there == [MAP_ANYTHING] and map_anything.installed():
        raise ReconstructionError(
            "GPUUnavailable",
            f"spec.poses.method is FeedForward, and of its networks only {MAP_ANYTHING.name} is there: "
            f"{_obstacle(MAP_ANYTHING)}.",
            suggestion=f"Use a profile whose pods that prepare have a GPU, or ask for the weights of "
            f"{DEPTH_ANYTHING[0].name} too (docs/weights.md).",
        )
    if not depth_anything.installed():
        raise ReconstructionError(
            "EngineUnavailable",
            f"spec.poses.method is FeedForward, but {_MISSING_PACKAGE}.",
            suggestion="Use an image of the worker that has it, or set spec.poses.method to Auto.",
        )
    checked(DEPTH_ANYTHING[0])
    return DEPTH_ANYTHING[0]


def why_none(count: int) -> str:
    """Why none looks at so many photos without being asked to; empty where one does."""
    if not FEWEST <= count <= MOST:
        return f"it takes {FEWEST} to {MOST} photos"
    there = [network for network in GEOMETRY if not problem_of(network, weights_folder())]
    if any(not _obstacle(network) for network in there):
        return ""
    if not depth_anything.installed():
        return _MISSING_PACKAGE
    if there:
        return f"{there[0].name}: {_obstacle(there[0])}"
    return (
        f"the weights of neither {' nor '.join(network.name for network in DEPTH_ANYTHING)} are there (docs/weights.md)"
    )


def _obstacle(network: Network) -> str:
    """Why a network can't be used here, its weights aside."""
    if network is MAP_ANYTHING:
        return map_anything.obstacle()
    return "" if depth_anything.installed() else _MISSING_PACKAGE


def load(network: Network) -> GeometryNetwork:
    """Onto the GPU where there is one. Raises WeightsUnavailable."""
    import torch

    if network is MAP_ANYTHING:
        return map_anything.MapAnything(network, "cuda")
    return depth_anything.DepthAnything(network, "cuda" if torch.cuda.is_available() else "cpu")
