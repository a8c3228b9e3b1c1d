"""An HTTP server that hostile clients can't fill: connections, times and sizes are bounded before a request is handled.

aiohttp bounds lines, headers and bodies. It accepts any number of connections, and waits without end for the rest of a
request. Here every connection passes a door of its own: it counts, and it closes when a request takes too long to come.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from aiohttp import web
from aiohttp.http import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware

_log = logging.getLogger(__name__)

_LARGEST_UNHANDLED_BYTES = 256 * 1024
"""What a connection may send between the beginnings of two requests: a body, its headers, and what follows it."""
_LINGERING_SECONDS = 1.0
_BACKLOG = 512
_YOUNG_TICKS, _TICK = 8, 400
"""For how many ticks a connection is young, and how many there are in the time that a request may take. Ticks are turns
of the event loop as well: on a busy machine one may take long, and what has come by then is read in the next ones."""
_LARGEST_LINE, _LARGEST_FIELD, _MOST_HEADERS = 1024, 4096, 32
_SHUTDOWN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one server. Where a connection is one too many, the oldest one of the client that has the most is closed, so
    nobody keeps others out by holding connections. Only where the newcomer is of that client itself, and the oldest is
    so young that it may be answered yet, the newcomer is."""

    connections: int
    connections_of_one_client: int
    request_seconds: float = 10.0
    """For a request to come, headers and body, and for it to be handled."""
    idle_seconds: float = 15.0
    """Between two requests, or until the answer is read."""


class Listener:
    """Serves an application at one port. `closed` hears the reason of each connection that is closed for a limit:
    `crowded`, `slow` or `flooded`."""

    def __init__(self, app: web.Application, limits: Limits, closed: Callable[[str], None] = lambda _: None):
        self._limits = limits
        self._closed = closed
        self._clients: dict[str, dict[_Door, None]] = {}
        self._doors: dict[asyncio.BaseProtocol, _Door] = {}
        self._count = 0
        _log.addFilter(_is_ours)
        app.middlewares.insert(0, self._middleware())
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_log,
            auto_decompress=False,
            keepalive_timeout=limits.idle_seconds,
            lingering_time=_LINGERING_SECONDS,
            max_line_size=_LARGEST_LINE,
            max_field_size=_LARGEST_FIELD,
            max_headers=_MOST_HEADERS,
            shutdown_timeout=_SHUTDOWN_SECONDS,
        )
        self._server: asyncio.Server | None = None
        self._ticking: asyncio.TimerHandle | None = None
        self.ticks = 0
        """Runs while there are connections."""

    def __len__(self) -> int:
        """Open connections."""
        return self._count

    async def start(self, host: str, port: int) -> int:
        """The port that is listened on: a free one where 0 is asked for."""
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Door(self), host, port, backlog=_BACKLOG, reuse_address=True)
        return self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._runner.cleanup()

    @property
    def limits(self) -> Limits:
        return self._limits

    def enter(self, door: _Door) -> asyncio.Protocol | None:
        """What handles the connection from now on; None where it is one too many."""
        if not self._makes_room_for(door):
            self._closed("crowded")
            return None
        self._clients.setdefault(door.client, {})[door] = None
        self._count += 1
        if self._ticking is None:
            self._tick()
        assert self._runner.server is not None
        handler = self._runner.server()
        self._doors[handler] = door
        return handler

    def _tick(self) -> None:
        self.ticks += 1
        again = asyncio.get_running_loop().call_later
        self._ticking = again(self._limits.request_seconds / _TICK, self._tick) if self._count else None

    def leave(self, door: _Door) -> None:
        """Does nothing for a connection that has left already."""
        mine = self._clients.get(door.client, {})
        if door not in mine:
            return
        del mine[door]
        self._count -= 1
        if not mine:
            del self._clients[door.client]

    def forget(self, handler: asyncio.BaseProtocol) -> None:
        self._doors.pop(handler, None)

    def drop(self, door: _Door, reason: str) -> None:
        self._closed(reason)
        self.leave(door)
        door.abort()

    def _makes_room_for(self, newcomer: _Door) -> bool:
        mine = self._clients.get(newcomer.client, {})
        if len(mine) >= self._limits.connections_of_one_client:
            crowd = mine
        elif self._count >= self._limits.connections:
            crowd = max(self._clients.values(), key=len)
        else:
            return True
        # The one that has been open for the longest; one whose request is being handled only if all are.
        oldest = next((door for door in crowd if not door.handling), None) or next(iter(crowd))
        if crowd is mine and newcomer.since - oldest.since < _YOUNG_TICKS:
            return False
        self.drop(oldest, "crowded")
        return True

    def _middleware(self) -> Middleware:
        @web.middleware
        async def bounded(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._bounded(request, handler)

        return bounded

    async def _bounded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """A refused client has to connect again: that costs it more than us."""
        door = self._doors.get(request.protocol)
        if door is not None:
            door.begin()
        try:
            response = await self._within_limits(request, handler)
            if response.status >= 400:
                response.force_close()
            return response
        except web.HTTPException as refusal:
            refusal.force_close()
            raise
        finally:
            if door is not None:
                door.end()

    async def _within_limits(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            return web.json_response({"error": "bodies are not compressed"}, status=415)
        deadline = asyncio.timeout(self._limits.request_seconds)
        try:
            async with deadline:
                return await handler(request)
        except TimeoutError:
            if not deadline.expired():
                raise
            return web.json_response({"error": "the request took too long"}, status=408)
        except (web.RequestPayloadError, ConnectionError):  # the client has broken it off
            return web.json_response({"error": "the body is not as its headers say"}, status=400)


def _is_ours(record: logging.LogRecord) -> bool:
    """What clients do wrong is not logged: they could fill the log."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


class _Door(asyncio.Protocol):
    """One connection: passes everything on to aiohttp's protocol, and keeps to the limits."""

    def __init__(self, listener: Listener):
        self._listener = listener
        self._handler: asyncio.Protocol | None = None
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._received = 0
        self.client = ""
        self.since = listener.ticks
        self.handling = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by name
        peer = transport.get_extra_info("peername")
        self.client = peer[0] if isinstance(peer, tuple) else ""
        self._handler = self._listener.enter(self)
        if self._handler is None:
            self._transport.abort()
            return
        self._handler.connection_made(transport)
        self._wait(self._listener.limits.request_seconds)

    def data_received(self, data: bytes) -> None:
        if self._handler is None or self._transport is None:
            return
        self._received += len(data)
        if self._received > _LARGEST_UNHANDLED_BYTES:
            self._listener.drop(self, "flooded")
        else:
            self._handler.data_received(data)

    def eof_received(self) -> bool | None:
        """A client that has said all is not kept open: its answer is lost, as it does not wait for one."""
        return self._handler.eof_received() if self._handler is not None else None

    def pause_writing(self) -> None:
        if self._handler is not None:
            self._handler.pause_writing()

    def resume_writing(self) -> None:
        if self._handler is not None:
            self._handler.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._listener.leave(self)
        if self._handler is not None:
            self._listener.forget(self._handler)
            self._handler.connection_lost(exc)
        self._handler = self._transport = None

    def begin(self) -> None:
        """A request has come and is handled: that has a time limit of its own."""
        self.handling = True
        self._received = 0
        self._stop_waiting()

    def end(self) -> None:
        self.handling = False
        if self._transport is not None:
            self._wait(self._listener.limits.idle_seconds)

    def abort(self) -> None:
        self._stop_waiting()
        if self._transport is not None:
            self._transport.abort()

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._listener.drop, self, "slow")

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
