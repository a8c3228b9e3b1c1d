"""The numbers of a network, as PyTorch takes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.weights import Network

from .checking import checked

if TYPE_CHECKING:
    from torch import Tensor, nn


CONFIGURATION: Final = "configuration"
"""Of what a file says besides its tensors: how its network is set up, as JSON."""


def configuration_of(network: Network) -> dict[str, Any]:
    """How the network is set up, as its authors publish it. Raises WeightsUnavailable."""
    from safetensors import safe_open

    with safe_open(checked(network), framework="pt") as file:
        said = (file.metadata() or {}).get(CONFIGURATION)
    if said is None:
        raise ReconstructionError(
            "WeightsUnavailable",
            f"{network.file} does not say how {network.name} is set up.",
            suggestion=f"Add it again with `recon weights add {network.name}`.",
            details={"network": network.name, "file": network.file},
        )
    return json.loads(said)


def tensors_of(network: Network) -> dict[str, Tensor]:
    """By name, on the CPU. Raises WeightsUnavailable."""
    from safetensors.torch import load_file

    return load_file(checked(network))


def load_into(module: nn.Module, network: Network, prefix: str = "") -> None:
    """Give the module its weights; names in the file begin with `prefix` besides. Raises WeightsUnavailable, also where
    module and file do not belong together."""
    found = {name.removeprefix(prefix): each for name, each in tensors_of(network).items() if name.startswith(prefix)}
    state = module.state_dict()
    given = {name: found[name] for name, each in state.items() if name in found and found[name].shape == each.shape}
    storages = {state[name].data_ptr() for name in given}  # a tensor that layers share is in the file once
    if other := sorted(
        name for name, each in state.items() if name not in given and _lacks(name, each, found, storages)
    ):
        raise ReconstructionError(
            "WeightsUnavailable",
            f"{network.file} does not hold the weights of the installed {network.name}: {other[0]} is missing or has "
            "another shape.",
            details={"network": network.name, "file": network.file, "tensors": len(other)},
        )
    module.load_state_dict(given, strict=False)


def _lacks(name: str, tensor: Tensor, found: dict[str, Tensor], storages: set[int]) -> bool:
    """Whether nothing gives the module's tensor its numbers."""
    return name in found or tensor.data_ptr() not in storages
