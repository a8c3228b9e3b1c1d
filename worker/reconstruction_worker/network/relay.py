"""Carries bytes between two connections until both have ended."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Final

IDLE_SECONDS: Final = 300.0
"""Without a byte in either direction, after which a tunnel counts as abandoned."""
HALF_CLOSED_SECONDS: Final = 30.0
"""The same where one end has nothing more to say."""
_TICK_SECONDS: Final = 5.0
_CHUNK: Final = 1 << 18


class _Tunnel:
    """Two directions that end each other when nothing passes any more."""

    def __init__(self) -> None:
        self._latest = time.monotonic()
        self._limit = IDLE_SECONDS

    def touch(self) -> None:
        self._latest = time.monotonic()

    def half_closed(self) -> None:
        self._limit = HALF_CLOSED_SECONDS
        self.touch()

    @property
    def abandoned(self) -> bool:
        return time.monotonic() - self._latest > self._limit


def relay(client: socket.socket, server: socket.socket) -> None:
    """Returns when both directions have ended; the sockets are the caller's to close."""
    tunnel = _Tunnel()
    up = threading.Thread(target=_carry, args=(client, server, tunnel), daemon=True)
    up.start()
    _carry(server, client, tunnel)
    up.join()


def _carry(source: socket.socket, sink: socket.socket, tunnel: _Tunnel) -> None:
    buffer = memoryview(bytearray(_CHUNK))
    try:
        source.settimeout(_TICK_SECONDS)
        while not tunnel.abandoned:
            try:
                count = source.recv_into(buffer)
            except TimeoutError:
                continue
            if not count:
                break
            tunnel.touch()
            _send(sink, buffer[:count], tunnel)
    except OSError:
        _shut(source, socket.SHUT_RDWR)  # a broken direction ends the other one as well
    finally:
        tunnel.half_closed()
        _shut(sink, socket.SHUT_WR)


def _send(sink: socket.socket, data: memoryview, tunnel: _Tunnel) -> None:
    """`sendall` would count its timeout for the whole of the data, whatever a slow reader takes meanwhile."""
    while data:
        try:
            sent = sink.send(data)
        except TimeoutError:
            if tunnel.abandoned:
                raise
            continue
        tunnel.touch()
        data = data[sent:]


def _shut(connection: socket.socket, how: int) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(how)
