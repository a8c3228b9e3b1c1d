"""An HTTP proxy on the loopback interface, for the storage clients of its own process.

Every client library knows HTTP proxies, so this is the one place that all of their connections pass. Tunnels (CONNECT)
carry TLS from end to end; certificates are checked by the clients as ever. A thread serves each connection: reading and
writing release the interpreter's lock.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from reconstruction_api.network import Host, RefusedError

from .relay import relay
from .route import Link, Router

CONNECTIONS: Final = 128
"""Open at once; more have to wait. More than any client keeps in its pool (aiohttp: 100)."""
HEADER_BYTES: Final = 64 * 1024
HEADER_SECONDS: Final = 30.0
_DROPPED: Final = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"proxy-authorization"})


class _BadRequestError(Exception):
    """What came is no request to a proxy; `status` says it to the client."""

    def __init__(self, status: str):
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class _Request:
    method: bytes
    scheme: str
    host: str
    port: int
    path: bytes
    version: bytes
    headers: list[bytes]
    rest: bytes
    """What came after the header."""


class Proxy:
    """Serves from `start` until `close`; `refused` hears of each host that may not be connected to, as the client named
    it."""

    def __init__(
        self, router: Router, refused: Callable[[str], None], exempt: Callable[[], AbstractContextManager[None]]
    ):
        self._router = router
        self._refused = refused
        self._exempt = exempt
        self._places = threading.BoundedSemaphore(CONNECTIONS)
        self._open: set[socket.socket] = set()
        self._closing = threading.Event()
        self._listener: socket.socket | None = None

    def start(self) -> int:
        """Returns the port."""
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        threading.Thread(target=self._accept, args=(self._listener,), name="proxy", daemon=True).start()
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        """Ends every connection."""
        self._closing.set()
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while not self._closing.is_set():
            self._places.acquire()
            try:
                client, _ = listener.accept()
            except OSError:
                self._places.release()
                if self._closing.is_set():
                    return
                self._closing.wait(0.1)  # out of file descriptors, perhaps
                continue
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self._open.add(client)
        try:
            with self._exempt(), client:
                self._answer(client)
        except OSError:
            pass  # a client or server that went away; the other one notices
        finally:
            self._open.discard(client)
            self._places.release()

    def _answer(self, client: socket.socket) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.settimeout(HEADER_SECONDS)
        try:
            request = _read_request(client)
            if request is None:
                return
        except _BadRequestError as error:
            _say(client, error.status)
            return
        try:
            link = self._router.connect(request.scheme, Host.of(request.host), request.port)
        except RefusedError:
            self._refused(request.host)
            _say(client, "403 Forbidden")
        except socket.gaierror:
            _say(client, "503 Service Unavailable")
        except TimeoutError:
            _say(client, "504 Gateway Timeout")
        except OSError:
            _say(client, "502 Bad Gateway")
        else:
            self._carry(client, request, link)

    def _carry(self, client: socket.socket, request: _Request, link: Link) -> None:
        server = link.socket
        self._open.add(server)
        try:
            with server:
                server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if request.method == b"CONNECT":
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    server.sendall(request.rest)
                else:
                    server.sendall(_forwarded(request, link) + request.rest)
                relay(client, server)
        finally:
            self._open.discard(server)


def _read_request(client: socket.socket) -> _Request | None:
    """None when the client has nothing to ask."""
    received = bytearray()
    while (end := received.find(b"\r\n\r\n")) < 0:
        if len(received) > HEADER_BYTES:
            raise _BadRequestError("431 Request Header Fields Too Large")
        part = client.recv(16 * 1024)
        if not part:
            return None
        received += part
    if end > HEADER_BYTES:
        raise _BadRequestError("431 Request Header Fields Too Large")
    first, *headers = bytes(received[:end]).split(b"\r\n")
    rest = bytes(received[end + 4 :])
    try:
        method, target, version = first.split(b" ")
        text = target.decode("ascii")
        parts = urlsplit(f"//{text}" if method == b"CONNECT" else text)
        tunnel = method == b"CONNECT"
        host, port = parts.hostname, parts.port
        if not host or "@" in parts.netloc or (tunnel and port is None) or not (tunnel or parts.scheme == "http"):
            raise ValueError
    except ValueError:
        raise _BadRequestError("400 Bad Request") from None
    path = text.partition("://")[2].partition("/")[2] if not tunnel else ""
    query_only = not tunnel and "/" not in text.partition("://")[2]
    if query_only:
        path = f"?{parts.query}" if parts.query else ""
    scheme = "https" if tunnel else "http"
    return _Request(method, scheme, host, port or 80, f"/{path}".encode(), version, headers, rest)


def _forwarded(request: _Request, link: Link) -> bytes:
    """The header for the server. One request a connection: the next may be for another host."""
    kept = [line for line in request.headers if line.split(b":", 1)[0].strip().lower() not in _DROPPED]
    target = request.path
    if link.upstream is not None:
        host = f"[{request.host}]" if ":" in request.host else request.host
        target = f"http://{host}:{request.port}".encode() + request.path
        if link.upstream.authorization:
            kept.append(f"Proxy-Authorization: {link.upstream.authorization}".encode())
    lines = [b" ".join((request.method, target, request.version)), *kept, b"Connection: close"]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _say(client: socket.socket, status: str) -> None:
    client.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
    # What the client still sends is read, or the answer could be lost with a reset.
    client.shutdown(socket.SHUT_WR)
    client.settimeout(1.0)
    with contextlib.suppress(OSError):
        while client.recv(16 * 1024):
            pass
