"""Whether what an engine's process held is free again before the next one begins."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import psutil

from .. import memory
from ..engines.driver import memory_used

PATIENCE_SECONDS: Final = 10.0
"""A driver takes a moment to take back what an ended process held."""
_TOLERANCE: Final = 64 * 2**20
"""Bytes; this process itself grows a little."""
_INTERVAL_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Held:
    """Bytes that are in use: by this process and its children, and of the GPUs by anybody."""

    memory: int
    gpu: int | None

    def beyond(self, before: Held) -> Held:
        """What is held now and was not before."""
        gpu = None if self.gpu is None or before.gpu is None else max(0, self.gpu - before.gpu)
        return Held(max(0, self.memory - before.memory), gpu)

    @property
    def is_little(self) -> bool:
        return self.memory <= _TOLERANCE and (self.gpu or 0) <= _TOLERANCE


def held() -> Held:
    """Now."""
    return Held(memory.held_by_tree(psutil.Process()), memory_used())


def kept_since(before: Held, patience_seconds: float = PATIENCE_SECONDS) -> Held:
    """What is still held of what came after `before`; waits a while for it to be given back."""
    deadline = time.monotonic() + patience_seconds
    while not (kept := held().beyond(before)).is_little and time.monotonic() < deadline:
        time.sleep(_INTERVAL_SECONDS)
    return kept
