"""The numbers of a network, as PyTorch takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.weights import Network

from .checking import checked

if TYPE_CHECKING:
    from torch import Tensor, nn


def tensors_of(network: Network) -> dict[str, Tensor]:
    """By name, on the CPU. Raises WeightsUnavailable."""
    from safetensors.torch import load_file

    return load_file(checked(network))


def load_into(module: nn.Module, network: Network, prefix: str = "") -> None:
    """Give the module its weights; names in the file begin with `prefix` besides. Raises WeightsUnavailable, also where
    module and file do not belong together."""
    found = {name.removeprefix(prefix): each for name, each in tensors_of(network).items() if name.startswith(prefix)}
    wanted = {name: each.shape for name, each in module.state_dict().items()}
    if other := sorted(name for name in wanted if name not in found or found[name].shape != wanted[name]):
        raise ReconstructionError(
            "WeightsUnavailable",
            f"{network.file} does not hold the weights of the installed {network.name}: {other[0]} is missing or has "
            "another shape.",
            details={"network": network.name, "file": network.file, "tensors": len(other)},
        )
    module.load_state_dict({name: found[name] for name in wanted})
