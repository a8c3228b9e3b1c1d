"""A server in front of another one, whose first connections go wrong."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

Fault = Callable[[socket.socket], int | None]
"""What is done with a connection: the number of bytes that are let through, in both directions together, before it is
cut; None for all of them."""


@contextmanager
def in_front_of(address: str, faults: list[Fault | None]) -> Iterator[str]:
    """The address of a relay. Each connection takes the first of `faults`; when there are none left, all goes well."""
    target = urlsplit(address)
    host = "127.0.0.1" if target.hostname == "0.0.0.0" else target.hostname or ""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:

        def accept() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                fault = faults.pop(0) if faults else None
                threading.Thread(target=_serve, args=(client, (host, target.port), fault), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def cut_after(count: int) -> Fault:
    return lambda _client: count


def answering(status: str) -> Fault:
    """Instead of the server."""

    def answer(client: socket.socket) -> int:
        client.settimeout(5)
        with contextlib.suppress(OSError):
            client.recv(65536)
            client.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                pass
        return 0

    return answer


def _serve(client: socket.socket, target: tuple[str, int | None], fault: Fault | None) -> None:
    with client, contextlib.suppress(OSError):
        left = fault(client) if fault is not None else None
        if left == 0:
            return
        with socket.create_connection(target, timeout=30) as server:
            budget = _Budget(left, client, server)
            back = threading.Thread(target=_carry, args=(server, client, budget), daemon=True)
            back.start()
            _carry(client, server, budget)
            back.join(30)


class _Budget:
    def __init__(self, left: int | None, *sockets: socket.socket):
        self._left, self._sockets, self._lock = left, sockets, threading.Lock()

    def take(self, wanted: int) -> int:
        """How many of the bytes may pass; at the end both sides are cut off."""
        with self._lock:
            if self._left is None:
                return wanted
            taken = min(wanted, self._left)
            self._left -= taken
            if self._left == 0:
                for each in self._sockets:
                    with contextlib.suppress(OSError):
                        each.shutdown(socket.SHUT_RDWR)
            return taken


def _carry(source: socket.socket, target: socket.socket, budget: _Budget) -> None:
    with contextlib.suppress(OSError):
        while part := source.recv(65536):
            if count := budget.take(len(part)):
                target.sendall(part[:count])
            if count < len(part):
                return
        target.shutdown(socket.SHUT_WR)
