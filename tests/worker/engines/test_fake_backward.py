"""What walks a graph in the tests without a GPU finds the gradients that autograd's engine finds."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .fake_backward import walked_backward


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, times: int, unused: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
        ctx.times = times
        return given * times, given + 1

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Any:
        return None, None, slopes[0] * ctx.times + slopes[1]


def a_loss(model: nn.Module, given: Tensor) -> Tensor:
    """Values are used twice, broadcast, indexed, converted, and given to functions of one's own."""
    first = model(given)
    doubled, _ = Doubled.apply(2, torch.ones(1), first)  # type: ignore[misc]
    half = torch.cat([doubled, first.exp()[:, :1]], 1).half().float()
    return (half[torch.tensor([0, 0, 3])] * first.mean(0, keepdim=True).amax()).square().sum() + first.cumsum(0).std()


def test_gradients_are_those_of_the_engine() -> None:
    torch.manual_seed(0)
    model, given = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)), torch.randn(6, 4)
    found = []
    for _ in range(2):  # gradients add up
        a_loss(model, given).backward()
    expected = [parameter.grad for parameter in model.parameters()]
    model.zero_grad()
    with walked_backward():
        for _ in range(2):
            a_loss(model, given).backward()
    found = [parameter.grad for parameter in model.parameters()]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours is not None and theirs is not None and float(theirs.abs().max()) > 1e-3
        torch.testing.assert_close(ours, theirs)
