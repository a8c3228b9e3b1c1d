"""Adam that skips what a step did not touch."""

from __future__ import annotations

import torch

from reconstruction_worker.engines.rays.table_adam import TableAdam


def test_values_with_a_gradient_are_updated_as_by_adam() -> None:
    torch.manual_seed(1)
    ours, reference = (torch.nn.Parameter(torch.ones(5000, 2)) for _ in range(2))
    optimizers = TableAdam([ours], lr=0.02), torch.optim.Adam([reference], lr=0.02, eps=1e-15)
    for _ in range(5):
        gradient = torch.randn(5000, 2)
        for parameter, optimizer in zip((ours, reference), optimizers, strict=True):
            parameter.grad = gradient.clone()
            optimizer.step()
    torch.testing.assert_close(ours, reference, rtol=1e-5, atol=1e-6)


def test_values_without_a_gradient_stay_and_gradients_are_cleared() -> None:
    table = torch.nn.Parameter(torch.ones(8, 2))
    optimizer = TableAdam([table], lr=0.1)
    for rows in ([0, 1], [2]):
        optimizer.zero_grad()
        table.grad = torch.zeros(8, 2) if table.grad is None else table.grad
        table.grad[rows] = 1.0
        before = table.detach().clone()
        optimizer.step()
        assert (table != before).any(dim=1).nonzero()[:, 0].tolist() == rows
        assert not table.grad.any()


def test_after_a_retry_nothing_of_the_failed_attempt_is_left() -> None:
    table = torch.nn.Parameter(torch.ones(4, 2))
    optimizer = TableAdam([table], lr=0.1)
    table.grad = torch.ones(4, 2)
    optimizer.step()
    optimizer.zero_grad()
    table.grad.fill_(9.0)
    optimizer.zero_grad()
    assert table.grad is None
