"""TLS to a proxy of the platform, read and written by two threads: OpenSSL's connections take one at a time."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any


class TlsSocket(ssl.SSLSocket):
    """One thread may read while another writes. Made by `tls_to`."""

    _turn: threading.Lock
    _patience: float | None

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        return self._in_turn(lambda: super(TlsSocket, self).recv_into(buffer, nbytes, flags))

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        part = bytearray(buflen)
        return bytes(part[: self.recv_into(part)])

    def send(self, data: Any, flags: int = 0) -> int:
        return self._in_turn(lambda: super(TlsSocket, self).send(data, flags))

    def settimeout(self, value: float | None) -> None:
        self._patience = value

    def shutdown(self, how: int) -> None:
        """Of the connection below: the base class would continue without TLS after that, also where it reads."""
        socket.socket.shutdown(self, how)

    def _in_turn(self, step: Callable[[], int]) -> int:
        while True:
            try:
                with self._turn:
                    return step()
            except ssl.SSLWantReadError:
                ready = select.select([self], [], [], self._patience)
            except ssl.SSLWantWriteError:
                ready = select.select([], [self], [], self._patience)
            if not any(ready):
                raise TimeoutError


def tls_to(connection: socket.socket, name: str) -> TlsSocket:
    """TLS over a connection, after the handshake with the server of that name. Raises ssl.SSLError."""
    context = ssl.create_default_context()
    context.sslsocket_class = TlsSocket
    wrapped = context.wrap_socket(connection, server_hostname=name, do_handshake_on_connect=False)
    assert isinstance(wrapped, TlsSocket)
    wrapped._turn, wrapped._patience = threading.Lock(), None
    ssl.SSLSocket.settimeout(wrapped, connection.gettimeout())
    wrapped.do_handshake()
    ssl.SSLSocket.setblocking(wrapped, False)
    return wrapped
