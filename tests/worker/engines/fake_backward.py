"""Backward passes on a GPU that is not there.

autograd's engine asks the CUDA driver for streams before it starts a node, which fails without a driver whatever the
tensors are. So the graph is walked here: every node is called in the engine's order, with its operations dispatched to
fake tensors like all others. What the engine itself adds is done as there: sums where a value was used more than once,
conversions to what a node expects, and gradients left in leaves (which it takes over without a copy).
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from unittest import mock

import torch
from torch import Tensor

Slots = list[Tensor | None]


@contextlib.contextmanager
def walked_backward() -> Iterator[None]:
    """`Tensor.backward` without the engine. What it was called for can't be differentiated again."""
    with mock.patch.object(torch.Tensor, "backward", _backward):
        yield


@torch.no_grad()
def _backward(loss: Tensor, *_: Any, **__: Any) -> None:
    root = loss.grad_fn
    assert root is not None, "nothing that is learnt was used"
    uses = _uses(root)
    ready: list[tuple[Any, Slots]] = [(root, [torch.ones_like(loss)])]
    waiting: dict[Any, Slots] = {}
    loss.detach_()  # a node, and what it has saved, goes when it was called and none before it is left
    del root
    while ready:
        ready.sort(key=lambda each: each[0]._sequence_nr())
        node, gradients = ready.pop()
        if hasattr(node, "variable"):
            _leave(node.variable, gradients[0])
            continue
        results, following = _called(node, gradients), node.next_functions
        del node, gradients
        for result, (target, slot) in zip(results, following, strict=True):
            if target is None:
                continue
            slots = waiting.setdefault(target, [None] * len(target._input_metadata))
            _add(slots, slot, _as_expected(result, target._input_metadata[slot]))
            uses[target] -= 1
            if uses[target] == 0:
                del uses[target]
                ready.append((target, waiting.pop(target)))
        del results, following, result, target


def _uses(root: Any) -> Counter[Any]:
    """How many results of others each node waits for."""
    found: Counter[Any] = Counter()
    seen, following = {root}, [root]
    while following:
        for target, _ in following.pop().next_functions:
            if target is None:
                continue
            found[target] += 1
            if target not in seen:
                seen.add(target)
                following.append(target)
    return found


def _called(node: Any, gradients: Slots) -> Sequence[Tensor | None]:
    """What a node makes of the gradients by its results: one for each of its `next_functions`."""
    if not isinstance(node, torch.autograd.function.BackwardCFunction):
        if all(gradient is None for gradient in gradients):
            return [None] * len(node.next_functions)
        results = node(*gradients)
        return results if isinstance(results, tuple) else [results]
    given = [
        torch.zeros(known.shape, dtype=known.dtype, device=known.device) if gradient is None else gradient
        for gradient, known in zip(gradients, getattr(node, "_input_metadata"), strict=True)  # noqa: B009
    ]
    results = node.apply(*given)
    found = results if isinstance(results, tuple) else (results,)
    # One for each argument; those that are no tensors have no function that follows.
    wanted = iter([each for each, needed in zip(found, node.needs_input_grad, strict=True) if needed])
    return [None if target is None else next(wanted) for target, _ in node.next_functions]


def _as_expected(gradient: Tensor | None, known: Any) -> Tensor | None:
    """As the engine's `validate_outputs` makes it."""
    if gradient is None:
        return None
    if gradient.shape != torch.Size(known.shape):
        gradient = gradient.sum_to_size(known.shape)
    return gradient if gradient.dtype == known.dtype else gradient.to(known.dtype)


def _add(slots: Slots, slot: int, gradient: Tensor | None) -> None:
    earlier = slots[slot]
    slots[slot] = gradient if earlier is None else earlier if gradient is None else earlier + gradient


def _leave(leaf: Tensor, gradient: Tensor | None) -> None:
    if gradient is None:
        return
    if leaf.grad is None:
        leaf.grad = gradient.detach()
    else:
        leaf.grad += gradient
