"""A gate that lets a few through at a time, and namespaces in turn: one that floods it delays only itself."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class GateFull(Exception):  # noqa: N818 - not an error
    """As many wait as may."""


class FairGate:
    """At most `capacity` inside; at most `waiting` wait in all, and `waiting_each` of one namespace."""

    def __init__(self, capacity: int, waiting: int, waiting_each: int):
        self._free = capacity
        self._most = waiting
        self._most_each = waiting_each
        self._count = 0
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def turn(self, namespace: str) -> AsyncIterator[None]:
        """Inside the block the caller is inside. Raises GateFull at once where it would have to wait for too long."""
        await self._enter(namespace)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, namespace: str) -> None:
        if self._free:
            self._free -= 1
            return
        queue = self._queues.get(namespace, ())
        if self._count >= self._most or len(queue) >= self._most_each:
            raise GateFull
        ticket: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(namespace, deque()).append(ticket)
        self._count += 1
        try:
            await ticket
        except asyncio.CancelledError:
            if ticket.cancelled():
                self._withdraw(namespace, ticket)
            else:
                self._leave()  # it was let in just now
            raise

    def _leave(self) -> None:
        """Lets in the first that waits in the namespace whose turn it is."""
        while self._queues:
            namespace, queue = self._queues.popitem(last=False)
            ticket = queue.popleft()
            self._count -= 1
            if queue:
                self._queues[namespace] = queue  # at the end: the others come first
            if not ticket.done():
                ticket.set_result(None)
                return
        self._free += 1

    def _withdraw(self, namespace: str, ticket: asyncio.Future[None]) -> None:
        queue = self._queues.get(namespace)
        if queue is None or ticket not in queue:
            return  # passed over already
        queue.remove(ticket)
        self._count -= 1
        if not queue:
            del self._queues[namespace]
