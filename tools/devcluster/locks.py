"""One at a time, across all processes of this machine."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from .versions import cache_home


@contextmanager
def exclusive(what: str) -> Iterator[None]:
    """Wait until no other process is busy with `what`, and keep the others waiting until the block ends."""
    cache_home().mkdir(parents=True, exist_ok=True)
    with (cache_home() / f"{what}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
