"""What publishing needs of Google Cloud Storage's XML API, as its documentation describes it: objects with generations,
multipart uploads, lists. In memory, on loopback; any token will do, and none is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET = "assets"


class Kept(NamedTuple):
    """An object."""

    content: bytes
    generation: int
    headers: dict[str, str]


class GoogleServer(ThreadingHTTPServer):
    """One bucket, `assets`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.lock, self.generation = Lock(), 0
        self.kept: dict[str, Kept] = {}
        self.uploads: dict[str, tuple[dict[str, str], dict[int, bytes]]] = {}

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def objects(self, prefix: str) -> dict[str, bytes]:
        """What readers see below a prefix."""
        return {name.removeprefix(prefix): kept.content for name, kept in self.kept.items() if name.startswith(prefix)}

    def store(self, name: str, content: bytes, headers: dict[str, str], wanted: str | None) -> int | None:
        """The new generation; None where another one than `wanted` is there."""
        with self.lock:
            there = self.kept[name].generation if name in self.kept else 0
            if wanted is not None and int(wanted) != there:
                return None
            self.generation += 1
            self.kept[name] = Kept(content, self.generation, headers)
            return self.generation


class _Requests(BaseHTTPRequestHandler):
    server: GoogleServer
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        name, query, body = self._asked()
        if name is None:
            return
        if "partNumber" in query:
            self.server.uploads[query["uploadId"]][1][int(query["partNumber"])] = body
            return self._answer(200, headers={"ETag": f'"{hashlib.md5(body).hexdigest()}"'})
        self._stored(name, body, self._own_headers())

    def do_POST(self) -> None:
        name, query, _ = self._asked()
        if name is None:
            return
        if "uploads" in query:
            with self.server.lock:
                number = str(len(self.server.uploads) + 1)
                self.server.uploads[number] = self._own_headers(), {}
            return self._answer(
                200, f"<InitiateMultipartUploadResult><UploadId>{number}</UploadId></InitiateMultipartUploadResult>"
            )
        headers, parts = self.server.uploads.pop(query["uploadId"])
        self._stored(name, b"".join(parts[number] for number in sorted(parts)), headers)

    def do_GET(self) -> None:
        name, query, _ = self._asked()
        if name is None:
            return
        if name:
            return self._show(name)
        prefix = query.get("prefix", "")
        found = "".join(
            f"<Contents><Key>{escape(each)}</Key><LastModified>2026-11-30T00:00:00Z</LastModified>"
            f"<ETag>&quot;{kept.generation}&quot;</ETag><Size>{len(kept.content)}</Size></Contents>"
            for each, kept in sorted(self.server.kept.items())
            if each.startswith(prefix)
        )
        self._answer(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>")

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        name, _, _ = self._asked()
        if name is not None:
            self._answer(204 if self.server.kept.pop(name, None) else 404)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""

    def _asked(self) -> tuple[str | None, dict[str, str], bytes]:
        """Name of the object (empty for the bucket itself), query and body; no name where an answer was given."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
        bucket, _, name = unquote(parts.path).removeprefix("/").partition("/")
        if not self.headers.get("Authorization", "").startswith("Bearer "):
            self._answer(401, "<Error><Code>AuthenticationRequired</Code></Error>")
        elif bucket != BUCKET:
            self._answer(404, "<Error><Code>NoSuchBucket</Code></Error>")
        else:
            return name, query, body
        return None, query, body

    def _own_headers(self) -> dict[str, str]:
        return {name: self.headers[name] for name in ("Content-Type", "Cache-Control") if name in self.headers}

    def _stored(self, name: str, content: bytes, headers: dict[str, str]) -> None:
        generation = self.server.store(name, content, headers, self.headers.get("x-goog-if-generation-match"))
        if generation is None:
            return self._answer(412, "<Error><Code>PreconditionFailed</Code></Error>")
        tag = f'"{generation}"'
        self._answer(
            200,
            f"<CompleteMultipartUploadResult><ETag>{escape(tag)}</ETag></CompleteMultipartUploadResult>",
            {"ETag": tag, "x-goog-generation": str(generation)},
        )

    def _show(self, name: str) -> None:
        kept = self.server.kept.get(name)
        if kept is None:
            return self._answer(404, "<Error><Code>NoSuchKey</Code></Error>")
        marks = {"ETag": f'"{kept.generation}"', "x-goog-generation": str(kept.generation)}
        self._answer(200, kept.content, marks | kept.headers)

    def _answer(self, status: int, body: str | bytes = b"", headers: dict[str, str] | None = None) -> None:
        content = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Last-Modified", "Mon, 30 Nov 2026 00:00:00 GMT")
        self.send_header("Content-Length", "0" if status == 204 else str(len(content)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(content)


@contextmanager
def google_server() -> Iterator[GoogleServer]:
    """Until the block ends."""
    with GoogleServer() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
