"""Machine code of compiled loops that was made before anybody waits for it: by `make setup`, or with an image.

numba keeps it beside the functions' files, apart for each kind of processor. Two things are added. Pods see those
folders read-only and have a folder of their own for machine code (NUMBA_CACHE_DIR), which would be empty: what is known
is copied there. And an image runs on other processors than it was made on, so its code is made for the levels of the
x86-64 architecture (System V ABI, section 3.1.1) rather than for one processor.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

LEVELS: Final = {
    "x86-64-v4": "+avx512f,+avx512bw,+avx512cd,+avx512dq,+avx512vl,-prefer-256-bit",
    "x86-64-v3": "+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe",
}
"""As LLVM names them, the best first, and with what features. On a processor of level 4, code of level 3 takes 30 %
more time, of its own level 4 % more than code for that very processor."""
ENV_LEVELS: Final = "RECONSTRUCTION_MACHINE_CODE"
"""Environment variable of an image with the levels for which its loops were compiled, separated by spaces."""
ENV_NAME, ENV_FEATURES = "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"
"""numba's own variables for what is to be compiled for."""

_FLAGS_OF_3: Final = {"avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"}
_FLAGS: Final = {
    "x86-64-v4": _FLAGS_OF_3 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
    "x86-64-v3": _FLAGS_OF_3,
}
"""As Linux names them."""


def prepare(function: Callable[..., None]) -> None:
    """What there is to do before numba compiles a function, or looks for its machine code."""
    _choose_level()
    with contextlib.suppress(OSError):  # then it is compiled
        _take_along(function)


def levels_of_processor() -> list[str]:
    """Those of `LEVELS` whose code this machine can run, the best first; none where it is no x86."""
    flags = _flags()
    return [level for level in LEVELS if _FLAGS[level] <= flags]


@cache
def _choose_level() -> None:
    """Compile for the processor's level where the image has code for that, else for the processor itself."""
    made = os.environ.get(ENV_LEVELS, "").split()
    best = levels_of_processor()[:1] if made and ENV_NAME not in os.environ else []
    if best and best[0] in made:
        from numba.core import config

        os.environ |= {ENV_NAME: best[0], ENV_FEATURES: LEVELS[best[0]]}  # for processes that this one starts
        config.reload_config()


def _take_along(function: Callable[..., None]) -> None:
    from numba.core import config
    from numba.core.caching import InTreeCacheLocator, UserProvidedCacheLocator

    if not config.CACHE_DIR:  # pyright: ignore[reportAttributeAccessIssue]
        return
    file = inspect.getfile(function)
    known, own = (
        Path(locator(function, file).get_cache_path()) for locator in (InTreeCacheLocator, UserProvidedCacheLocator)
    )
    names = f"{Path(file).stem}.{function.__name__}-*"
    found = sorted(known.glob(f"{names}.nbc")) + sorted(known.glob(f"{names}.nbi"))  # the index last
    if not found or (own / found[-1].name).exists():
        return
    own.mkdir(parents=True, exist_ok=True)
    for path in found:
        half = own / f".{path.name}.{os.getpid()}"
        shutil.copyfile(path, half)
        half.replace(own / path.name)


def _flags() -> set[str]:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("flags"):
                return set(line.partition(":")[2].split())
    return set()
