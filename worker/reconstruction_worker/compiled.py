"""Loops compiled by numba for the CPU, on their first call for each set of argument types.

The machine code is cached in NUMBA_CACHE_DIR or beside the function's file where that can be written (see
`machine_code`); on a read-only file system without the variable each process compiles it again. numba's own threads
(`parallel=True`) are not used: with them a loop takes four times as long to compile, and a new pod has little in its
cache.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from .cpus import threads
from .machine_code import prepare

BLOCKS = 4
"""Into which a thread's share is divided, for some elements take longer than others."""


def compiled(function: Callable[..., None]) -> Callable[..., None]:
    """Compile a loop that runs in one thread."""
    return _machine_code(function)


def threaded(*, fastmath: bool = False, vectorised: bool = False) -> Callable[[Callable[..., None]], Threaded]:
    """Compile a function of (begin, end, *arguments) that works on elements begin..end - 1, whichever these are; it is
    called with (count, *arguments), and all processors take part. No two elements may write to the same place.

    `vectorised` lets the processor's vector instructions do inner loops without branches: sums are taken in any order
    (the same one each time), and a division by zero gives infinity rather than an exception, for which each division
    would have a branch."""
    options = {"fastmath": True, "error_model": "numpy"} if vectorised else {"fastmath": fastmath}
    return lambda function: Threaded(_machine_code(function, **options))


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a piece of `vectorised` loops, to which it is copied: a call would keep them from being vectorised."""
    import numba

    return numba.njit(function, inline="always", fastmath=True, error_model="numpy")


class Threaded:
    """A loop that runs in as many threads as this process may keep busy."""

    def __init__(self, block: Callable[..., None]):
        self.block = block

    def __call__(self, count: int, *arguments: Any) -> None:
        busy = min(threads(), count)
        if busy <= 1:
            self.block(0, count, *arguments)
            return
        size = math.ceil(count / (busy * BLOCKS))
        starts = range(0, count, size)
        for _ in _pool().map(lambda first: self.block(first, min(first + size, count), *arguments), starts):
            pass  # raises what was raised in a thread


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads(), thread_name_prefix="compiled")


os.register_at_fork(after_in_child=_pool.cache_clear)  # a forked process has the pool, and none of its threads


def _machine_code(function: Callable[..., None], **options: Any) -> Callable[..., Any]:
    import numba

    prepare(function)
    try:
        return numba.njit(function, cache=True, nogil=True, **options)
    except RuntimeError:  # numba found no folder that it may write to
        return numba.njit(function, nogil=True, **options)
