"""Functions compiled by numba for the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that uses `numba.prange`, on its first call for each set of argument types.

    The machine code is cached in NUMBA_CACHE_DIR or beside the function's file where that can be written; on a
    read-only file system without the variable each process compiles it again (a few seconds).
    """
    import numba

    options: dict[str, Any] = {"parallel": True, "fastmath": True, "nogil": True}
    try:
        return numba.njit(function, cache=True, **options)
    except RuntimeError:  # numba found no folder that it may write to
        return numba.njit(function, **options)
