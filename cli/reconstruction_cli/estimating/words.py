"""An estimate as people read it: each number with what it rests on."""

from __future__ import annotations

from collections.abc import Sequence

from reconstruction_api.quantities import byte_count
from reconstruction_api.readable import byte_size, duration

from .estimate import Estimate
from .rates import Rate


def lines_of(found: Estimate) -> list[str]:
    """The stages with their times, then time, cost, memory and disk."""
    where = "with a GPU" if found.on_gpu else "without a GPU"
    title = f"Profile {found.profile}, {where}" if found.profile else f"On this machine, {where}"
    width = max(len(stage.title) for stage, _ in found.stages)
    rows = [f"  {stage.title:{width}}  {duration(rate.seconds):>11}  {_source(rate)}" for stage, rate in found.stages]
    kind = "measured" if found.measured else "a guess where it says so"
    cost = "no prices in the profile" if found.cost is None else f"{found.cost:.2f} {found.currency}"
    return [
        title,
        *rows,
        f"  Time    {duration(found.seconds)} ({kind}; waiting and pulling images not included)",
        *([f"  Cost    {cost}"] if found.profile else []),
        f"  Memory  {byte_size(found.memory_bytes)}",
        f"  Disk    {byte_size(found.disk_bytes)} of the workspace (a guess)",
    ]


def _source(rate: Rate) -> str:
    if rate.jobs == 0:
        return "a guess"
    return f"measured on {rate.jobs} finished job{'s' if rate.jobs > 1 else ''}"


def warnings_of(found: Estimate, workspace: str | None, memory: Sequence[str | int | None] = ()) -> list[str]:
    """What will not fit: `workspace` is the size of the volume, `memory` are the limits of the pods."""
    result: list[str] = []
    if workspace is not None and found.disk_bytes > byte_count(workspace):
        result.append(f"The workspace has {workspace}; the job may need {byte_size(found.disk_bytes)}.")
    limits = [byte_count(str(limit)) for limit in memory if limit is not None]
    if limits and found.memory_bytes > min(limits):
        result.append(f"A pod may use {byte_size(min(limits))}; a stage may need {byte_size(found.memory_bytes)}.")
    return result
