"""The moments of Adam by the names of their parameters, so that a training continues on another kind of device, where
other optimisers share the parameters among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from .table_adam import TableAdam

MOMENTS = ("exp_avg", "exp_avg_sq")
TABLES = "hash_table"
"""Last part of the names of parameters that have an optimiser of their own on the CPU."""

AdamState = dict[str, dict[str, Any]]
"""By parameter: both moments, and the number of `steps` that they are means of."""


def adam_state(module: nn.Module, optimizers: Sequence[torch.optim.Optimizer]) -> AdamState:
    """Parameters that never had a gradient are left out."""
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    found: AdamState = {}
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if state := optimizer.state.get(parameter):
                    steps = group["steps"] if isinstance(optimizer, TableAdam) else int(state["step"])
                    found[names[id(parameter)]] = {"steps": steps, **{each: state[each] for each in MOMENTS}}
    return found


def restore_adam_state(module: nn.Module, optimizers: Sequence[torch.optim.Optimizer], saved: AdamState) -> None:
    """Give each optimiser what belongs to its parameters, on their device."""
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    for optimizer in optimizers:
        optimizer.state.clear()
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if (state := saved.get(names[id(parameter)])) is None:
                    continue
                moments = {each: state[each].to(parameter.device, copy=True) for each in MOMENTS}
                if isinstance(optimizer, TableAdam):
                    group["steps"] = max(group["steps"], state["steps"])
                    optimizer.state[parameter] = moments
                else:
                    step = torch.tensor(float(state["steps"]), device=parameter.device)
                    optimizer.state[parameter] = {"step": step, **moments}
        if isinstance(optimizer, TableAdam):
            optimizer.forget_gradients()


def by_name(module: nn.Module, saved: Sequence[dict[str, Any]]) -> AdamState:
    """What checkpoints of earlier releases hold: the optimisers' own states, with parameters by their positions. On the
    CPU there were two of them, the second for the tables."""
    names = [name for name, _ in module.named_parameters()]
    owners = [names]
    if len(saved) == 2:
        tables = [name for name in names if name.rsplit(".", 1)[-1] == TABLES]
        owners = [[name for name in names if name not in tables], tables]
    found: AdamState = {}
    for own, optimizer in zip(owners, saved, strict=True):
        steps = optimizer["param_groups"][0].get("steps")
        for position, state in optimizer["state"].items():
            count = int(state["step"]) if "step" in state else int(steps or 0)
            found[own[position]] = {"steps": count, **{each: state[each] for each in MOMENTS}}
    return found
