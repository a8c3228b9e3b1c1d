"""How much memory a process tree holds, how much it may hold, and whether the kernel killed for it."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import psutil

_CGROUP = Path("/sys/fs/cgroup")


def held_by_tree(process: psutil.Process) -> int:
    """Resident bytes of a process and its descendants; 0 once it is gone. Shared pages count once a process."""
    try:
        members = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    total = 0
    for member in members:
        try:
            total += member.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def most_held() -> int:
    """The most that this process has held resident so far, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def limit() -> int:
    """Bytes this process and its children may use: the container's limit, or all of the machine's memory."""
    machine = psutil.virtual_memory().total
    for name in ("memory.max", "memory/memory.limit_in_bytes"):  # cgroup version 2, version 1
        try:
            return min(int((_CGROUP / name).read_text()), machine)
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return machine


def oom_kills() -> int:
    """Processes of this container that the kernel has killed for memory so far."""
    for name in ("memory.events", "memory/memory.oom_control"):
        try:
            lines = (_CGROUP / name).read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            key, _, value = line.partition(" ")
            if key == "oom_kill":
                return int(value)
    return 0
