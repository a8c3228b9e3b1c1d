"""Moments of Adam move between the optimisers of a CPU and those of a GPU."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from reconstruction_worker.engines.rays.adam_state import adam_state, by_name, restore_adam_state
from reconstruction_worker.engines.rays.table_adam import TableAdam


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.hash_table = nn.Parameter(torch.ones(8, 2))
        self.last = nn.Linear(2, 1)
        self.unused = nn.Parameter(torch.ones(1))


def optimizers(module: Model, kind: str) -> list[torch.optim.Optimizer]:
    """As `RayTrainer` has them on a kind of device."""
    if kind == "gpu":
        return [torch.optim.Adam(module.parameters(), lr=0.1)]
    others = [parameter for name, parameter in module.named_parameters() if name != "hash_table"]
    return [torch.optim.Adam(others, lr=0.1), TableAdam([module.hash_table], lr=0.1)]


def trained(kind: str, steps: int = 3) -> tuple[Model, list[torch.optim.Optimizer]]:
    torch.manual_seed(0)
    module = Model()
    chosen = optimizers(module, kind)
    take_steps(module, chosen, steps)
    return module, chosen


def take_steps(module: Model, chosen: list[torch.optim.Optimizer], steps: int) -> None:
    for _ in range(steps):
        for optimizer in chosen:
            optimizer.zero_grad()
        module.last(module.first(module.hash_table)).square().sum().backward()
        for optimizer in chosen:
            optimizer.step()


@pytest.mark.parametrize("earlier", ["cpu", "gpu"])
@pytest.mark.parametrize("later", ["cpu", "gpu"])
def test_training_goes_on_as_if_it_had_never_moved(earlier: str, later: str) -> None:
    module, chosen = trained(earlier)
    moved = Model()
    moved.load_state_dict(module.state_dict())
    found = optimizers(moved, later)
    restore_adam_state(moved, found, adam_state(module, chosen))
    take_steps(moved, found, 2)
    take_steps(module, chosen, 2)
    for (name, ours), theirs in zip(moved.named_parameters(), module.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6, msg=name)


@pytest.mark.parametrize("kind", ["cpu", "gpu"])
def test_what_an_earlier_release_saved_is_read(kind: str) -> None:
    module, chosen = trained(kind)
    former = [optimizer.state_dict() for optimizer in chosen]
    assert described(by_name(module, former)) == described(adam_state(module, chosen))


def test_a_parameter_without_a_gradient_has_no_state() -> None:
    assert set(adam_state(*trained("gpu"))) == {
        "first.weight", "first.bias", "hash_table", "last.weight", "last.bias",
    }  # fmt: skip


def described(saved: dict[str, dict[str, Any]]) -> Any:
    return {name: {key: torch.as_tensor(value).tolist() for key, value in each.items()} for name, each in saved.items()}
