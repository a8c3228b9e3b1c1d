"""An event loop whose time passes only when nothing is left to do: an hour of timers takes as long as their work."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest

from reconstruction_operator.clock import Clock

from ..samples import NOW

T = TypeVar("T")

_MOST_ROUNDS = 5_000
"""Of the loop, without time passing: a few hundred are a lot."""


class BusyError(RuntimeError):
    """Something is done over and over again, without a pause."""


class _Idleness(selectors.DefaultSelector):
    """Is asked to wait when nothing is left to do: wakes those that wait for that, else lets time pass."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.waiting: list[asyncio.Future[None]] = []
        self._busy = 0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is not None and timeout <= 0:
            self._busy += 1
            if self._busy > _MOST_ROUNDS:
                self._busy = 0
                raise BusyError(f"at {self.now:.2f} s")
            return []
        self._busy = 0
        if self.waiting:
            waiting, self.waiting = self.waiting, []
            for each in waiting:
                if not each.done():
                    each.set_result(None)
        elif timeout is None:
            raise RuntimeError("everybody waits, and nothing will ever happen")
        else:
            self.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.idleness = _Idleness()
        super().__init__(self.idleness)

    def time(self) -> float:
        return self.idleness.now


class _VirtualLoops(asyncio.DefaultEventLoopPolicy):
    def new_event_loop(self) -> VirtualLoop:
        return VirtualLoop()


@pytest.fixture
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    """Imported into a module of tests, it lets each of them run in a virtual loop."""
    return _VirtualLoops()


class VirtualTime:
    """The time of the running loop, as the operator's clock and for whoever moves the world."""

    def __init__(self, loop: VirtualLoop):
        self._loop = loop
        self.clock = Clock(loop.time, self.now)

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self._loop.time())

    async def idle(self) -> None:
        """Until nobody can do anything more without time passing."""
        waiting: asyncio.Future[None] = self._loop.create_future()
        self._loop.idleness.waiting.append(waiting)
        await waiting

    async def advance(self, seconds: float) -> None:
        """Let time pass, with all that is due meanwhile."""
        await asyncio.sleep(seconds)
        await self.idle()


def run(main: Coroutine[Any, Any, T]) -> T:
    """The result of `main`, run in a virtual loop of its own."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def of_the_running_loop() -> VirtualTime:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return VirtualTime(loop)
