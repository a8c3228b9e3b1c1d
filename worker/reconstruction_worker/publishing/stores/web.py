"""A web server that takes PUT: https://."""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import quote, urlsplit

from .store import Changed, Headers, Stored

_PART_BYTES: Final = 2**20
_SECONDS: Final = 60
"""Without a byte after which a connection counts as broken."""
_ATTEMPTS: Final = 5
_LATER: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


class WebError(Exception):
    """An answer that is no success. The text has the status code, as those of other libraries do."""

    def __init__(self, method: str, path: str, status: int):
        super().__init__(f"{method} {path}: status code: {status}")
        self.status = status


class WebStore:
    """Resources below an address."""

    def __init__(self, address: str, authorization: str | None = None, proxy_url: str | None = None):
        """`address` ends with `/`; `authorization` is the value of that header; `proxy_url` is of plain HTTP."""
        parts = urlsplit(address)
        self._host, self._secure = parts.hostname or "", parts.scheme == "https"
        self._port = parts.port or (443 if self._secure else 80)
        self._netloc, self._path = parts.netloc, parts.path or "/"
        self._authorization = authorization
        self._proxy = urlsplit(proxy_url) if proxy_url else None
        self.part_bytes = _PART_BYTES
        self.tells_checksums = True

    def find(self, path: str) -> Stored | None:
        status, headers, _ = self._asked("HEAD", path)
        if status == 404:
            return None
        self._check("HEAD", path, status)
        return Stored(
            int(headers.get("Content-Length") or 0), headers.get("ETag") or headers.get("Last-Modified") or ""
        )

    def send(self, path: str, parts: Iterable[bytes], size: int, headers: Headers) -> None:
        """One request: what a server has begun to take can't be taken up again, so there is no second attempt here."""
        self._put(path, iter(parts), size, headers, {})

    def write(self, path: str, content: bytes, headers: Headers, *, instead_of: Stored | None) -> None:
        condition = {"If-None-Match": "*"} if instead_of is None else {}
        if instead_of is not None and instead_of.tag.startswith('"'):
            condition = {"If-Match": instead_of.tag}
        try:
            self._put(path, content, len(content), headers, condition)
        except WebError as error:
            if error.status != 412:
                raise
            raise Changed(path) from None

    def read(self, path: str) -> Iterator[bytes]:
        with self._request("GET", path) as answer:
            if answer.status == 404:
                raise FileNotFoundError(path)
            self._check("GET", path, answer.status)
            while part := answer.read(_PART_BYTES):
                yield part

    def names(self, folder: str) -> list[str]:
        """A web server lists nothing."""
        return []

    def delete(self, paths: list[str]) -> None:
        for path in paths:
            status, _, _ = self._asked("DELETE", path)
            if status not in (404, 410):
                self._check("DELETE", path, status)

    def _put(self, path: str, body: bytes | Iterator[bytes], size: int, headers: Headers, more: dict[str, str]) -> None:
        fields = {"Content-Type": headers.media_type, "Cache-Control": headers.cache, "Content-Length": str(size)}
        with self._request("PUT", path, body, fields | more) as answer:
            answer.read()
            self._check("PUT", path, answer.status)

    def _check(self, method: str, path: str, status: int) -> None:
        """Redirects are not followed: nobody has checked where they lead."""
        if not 200 <= status < 300:
            raise WebError(method, path, status)

    def _asked(self, method: str, path: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Small requests that may be repeated are, while the server is in trouble."""

        def once() -> tuple[int, http.client.HTTPMessage, bytes]:
            with self._request(method, path) as answer:
                return answer.status, answer.headers, answer.read()

        return _patiently(once)

    @contextmanager
    def _request(
        self, method: str, path: str, body: bytes | Iterator[bytes] | None = None, fields: dict[str, str] | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        target = f"{self._path}{quote(path)}"
        connection = self._connection()
        if self._proxy is not None and not self._secure:
            target = f"http://{self._netloc}{target}"
        headers = {"Host": self._netloc, **(fields or {})}
        if self._authorization is not None:
            headers["Authorization"] = self._authorization
        try:
            connection.request(method, target, body=body, headers=headers)
            yield connection.getresponse()
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._host, self._port
        if self._proxy is not None:
            host, port = self._proxy.hostname or "", self._proxy.port or 80
        if not self._secure:
            return http.client.HTTPConnection(host, port, timeout=_SECONDS)
        connection = http.client.HTTPSConnection(host, port, timeout=_SECONDS, context=ssl.create_default_context())
        if self._proxy is not None:
            connection.set_tunnel(self._host, self._port)
        return connection


def _patiently(
    once: Callable[[], tuple[int, http.client.HTTPMessage, bytes]],
) -> tuple[int, http.client.HTTPMessage, bytes]:
    for attempt in range(1, _ATTEMPTS):
        try:
            answer = once()
        except (OSError, http.client.HTTPException):
            answer = None
        if answer is not None and answer[0] not in _LATER:
            return answer
        time.sleep(0.2 * 2**attempt)
    return once()
