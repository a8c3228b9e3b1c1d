"""Loops compiled with numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def kernel(parallel: bool = True) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Compile a function on its first call; the machine code is kept where numba may write (NUMBA_CACHE_DIR)."""

    def compile_it(function: Callable[..., None]) -> Callable[..., Any]:
        try:
            return njit(parallel=parallel, cache=True)(function)
        except RuntimeError:  # no folder to keep it in
            return njit(parallel=parallel)(function)

    return compile_it
