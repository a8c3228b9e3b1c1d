"""How many processors this process may keep busy."""

from __future__ import annotations

import math
import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def available_cpus() -> int:
    """Processors this process may run on, and no more than the container's quota pays for."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = _QUOTA.read_text().split()
        return max(1, min(count, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no such file, or "max"
        return count


def threads() -> int:
    """Threads for compiled loops: NUMBA_NUM_THREADS, or one a processor."""
    return int(os.environ.get("NUMBA_NUM_THREADS") or available_cpus())


def limit_threads() -> None:
    """Let numeric libraries that are imported from now on use no more threads than there are processors: on a large
    node they would start one for each of its cores. Settings of the environment win."""
    for variable in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(variable, str(available_cpus()))
    # Threads that spin while they wait take the processor from those that work.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
