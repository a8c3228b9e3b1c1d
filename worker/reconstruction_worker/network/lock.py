"""Refuses connections of this process that go around the proxy.

Proxies are a matter of configuration, which a library may ignore. The interpreter calls an audit hook before every
connection of Python's sockets, and a hook can't be removed again: a client that ignores the proxy is refused instead of
being unguarded. Native code with sockets of its own is not seen; none of the storage clients in use has any.
"""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

_CONNECTING: Final = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_LOOKING_UP: Final = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})


class BypassError(PermissionError):
    """A client tried to connect around the proxy."""


class ConnectionLock:
    """Lets sockets of the internet connect to permitted addresses only, but for threads that check addresses
    themselves."""

    def __init__(self) -> None:
        self._permitted: set[tuple[str, int]] = set()
        self._thread = threading.local()

    def install(self) -> None:
        """From now on, until the process ends."""
        sys.addaudithook(self._check)

    def permit(self, address: str, port: int) -> None:
        """Connections of any thread to an IP address."""
        self._permitted.add((address, port))

    @contextmanager
    def exempt(self) -> Iterator[None]:
        """This thread connects to what it has checked."""
        self._thread.exempt = True
        try:
            yield
        finally:
            self._thread.exempt = False

    def _check(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _CONNECTING:
            connection, address = arguments[0], arguments[-1]
            if connection.family not in (socket.AF_INET, socket.AF_INET6) or not isinstance(address, tuple):
                return  # not the network; or a message on a connection that was checked
            target = tuple(address[:2])
        elif event in _LOOKING_UP:
            target = arguments[0], None
        else:
            return
        if getattr(self._thread, "exempt", False):
            return
        host, port = target
        known = host in {address for address, _ in self._permitted} if port is None else target in self._permitted
        if not known:
            raise BypassError("a connection around the worker's proxy was refused")
