"""A web server for one person on this machine, for as long as a page is open.

It listens on the loopback address alone. What reaches it from elsewhere in the machine's browser is refused: an address
without the token is not there, and a request for another host name (DNS rebinding) is not answered.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.formats import media_type_of
from reconstruction_api.live_view import PICTURE

from .live_page import ICON, PAGE, POLICY
from .viewed import Moment, Viewed

LOOPBACK: Final = "127.0.0.1"
SECONDS_BETWEEN: Final = 2.0
"""Between two looks at how far the job is."""
AFTER_THE_PAGE: Final = 15.0
"""Seconds after which the server ends when no page is open any more: one that is loaded again comes back before."""
WITHOUT_A_PAGE: Final = 300.0
"""Seconds after which it ends when no page was ever opened."""
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class ViewServer(ThreadingHTTPServer):
    """Serves what is viewed below a path that is not to be guessed."""

    daemon_threads = True

    def __init__(self, viewed: Viewed, port: int = 0, pace: float = SECONDS_BETWEEN):
        """Port 0 is any that is free. Raises OSError for one that is taken."""
        super().__init__((LOOPBACK, port), _Handler)
        self.viewed = viewed
        self.pace = pace
        self.token = secrets.token_urlsafe(24)
        self._pages, self._since = 0, time.monotonic()
        self._opened = False
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        """To open in a browser."""
        return f"http://{LOOPBACK}:{self.server_port}/{self.token}/"

    @property
    def hosts(self) -> tuple[str, ...]:
        """What a browser of this machine calls the server."""
        return tuple(f"{name}:{self.server_port}" for name in (LOOPBACK, "localhost"))

    def page_opened(self) -> None:
        with self._lock:
            self._pages += 1
            self._opened = True

    def page_closed(self) -> None:
        with self._lock:
            self._pages -= 1
            self._since = time.monotonic()

    def is_left(self, after_the_page: float = AFTER_THE_PAGE, without_a_page: float = WITHOUT_A_PAGE) -> bool:
        """Whether nobody looks any more."""
        with self._lock:
            patience = after_the_page if self._opened else without_a_page
            return self._pages == 0 and time.monotonic() - self._since > patience


def serve(server: ViewServer, is_left: Callable[[ViewServer], bool] = ViewServer.is_left, look: float = 0.5) -> None:
    """Serve until nobody looks any more, or until interrupted."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        while not is_left(server):
            time.sleep(look)
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: ViewServer  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "recon", ""
    timeout = 60

    def do_GET(self) -> None:
        if self.headers.get("Host") not in self.server.hosts:
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST)
            return
        token, _, name = unquote(urlsplit(self.path).path).removeprefix("/").partition("/")
        if not hmac.compare_digest(token.encode(), self.server.token.encode()):
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        try:
            self._answer(name)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _answer(self, name: str) -> None:
        match name:
            case "":
                self._send("text/html; charset=utf-8", [PAGE.encode()], {"Content-Security-Policy": POLICY})
            case "events":
                self._events()
            case "icon.svg":
                self._send("image/svg+xml", [ICON.encode()])
            case str() if name == PICTURE:
                self._send("image/jpeg", [self.server.viewed.picture()])
            case _:
                self._file(name)

    def _file(self, name: str) -> None:
        try:
            if name not in self.server.viewed.names():
                self._refuse(HTTPStatus.NOT_FOUND)
                return
            kind = "text/html; charset=utf-8" if name.endswith(".html") else media_type_of(name)
            self._send(kind, self.server.viewed.read(name), {"X-Frame-Options": "SAMEORIGIN"})
        except ReconstructionError as error:
            self.log_error("%s", error.message)
            self.close_connection = True

    def _events(self) -> None:
        """How far the job is, now and then (server-sent events). While this continues the page is open."""
        self._start("text/event-stream", {"Connection": "close"})
        self.close_connection = True
        self.server.page_opened()
        try:
            while True:
                self.wfile.write(f"data: {json.dumps(self._moment())}\n\n".encode())
                self.wfile.flush()
                time.sleep(self.server.pace)
        finally:
            self.server.page_closed()

    def _moment(self) -> dict[str, Any]:
        try:
            return asdict(self.server.viewed.moment())
        except ReconstructionError as error:
            return asdict(Moment(title="", message=error.message))

    def _send(self, kind: str, parts: Iterable[bytes], headers: dict[str, str] | None = None) -> None:
        """In chunks: how long a file is becomes known while it is read."""
        self._start(kind, {**(headers or {}), "Transfer-Encoding": "chunked"})
        for part in parts:
            if part:
                self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def _start(self, kind: str, headers: dict[str, str]) -> None:
        self.send_response(HTTPStatus.OK)
        for name, value in {"Content-Type": kind, **_HEADERS, **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _refuse(self, status: HTTPStatus) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Nothing: the address in each line would hold the token."""
