"""Guards, resolvers and bare connections for the tests of the proxy."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from reconstruction_api.network import Address
from reconstruction_api.worker import NetworkAccess
from reconstruction_worker.ingest.limits import DEFAULT_LIMITS
from reconstruction_worker.ingest.listing import SourceFile
from reconstruction_worker.ingest.remote import fetch
from reconstruction_worker.ingest.storage.access import Access
from reconstruction_worker.network.guard import Guard

LOOPBACK = "127.0.0.0/8"


class Names:
    """A DNS of the test's own: for each name the answers, one a question; the last one stays."""

    def __init__(self, **answers: str | list[str]):
        self._answers = {name: [each] if isinstance(each, str) else list(each) for name, each in answers.items()}
        self.asked: list[str] = []

    def __call__(self, name: str, port: int) -> list[Address]:
        self.asked.append(name)
        answers = self._answers.get(name.removesuffix("."))
        if answers is None:
            return []
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer == "later":
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [ipaddress.ip_address(each) for each in answer.split()]


@contextmanager
def guarded(
    *allow: str,
    names: Names | None = None,
    service_account: bool = False,
    environment: MutableMapping[str, str] | None = None,
) -> Iterator[Guard]:
    """A guard of profile `standard`; without an environment of its own it changes that of the process."""
    access = NetworkAccess(allow=list(allow), service_account=service_account)
    options = {} if environment is None else {"environment": environment}
    with Guard(access, "standard", resolver=names or Names(), **options) as guard:
        yield guard


def fetched(uri: str, into: Path, guard: Guard, has_secret: bool = False) -> list[SourceFile] | Path:
    return fetch(uri, into, DEFAULT_LIMITS, lambda _: None, access=Access.of(guard, has_secret))


def asked(guard: Guard, request: bytes, end: bool = False) -> bytes:
    """What the proxy answers to raw bytes, until it closes; `end` says that no more will come."""
    with socket.create_connection(("127.0.0.1", int(guard.proxy_url.rpartition(":")[2])), 10) as connection:

        def send() -> None:
            connection.sendall(request)
            if end:
                connection.shutdown(socket.SHUT_WR)

        Thread(target=send, daemon=True).start()
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer


@contextmanager
def listening(host: str = "127.0.0.1") -> Iterator[tuple[int, list[bytes]]]:
    """A port that takes connections, and the first bytes of each."""
    heard: list[bytes] = []
    with socket.create_server((host, 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(5)
                    heard.append(connection.recv(65536))

        thread = Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1], heard
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def closed_port() -> int:
    """A port where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
