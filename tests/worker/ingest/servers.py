"""Servers that behave, and misbehave, as real ones do."""

from __future__ import annotations

import json
import re
import threading
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class Web:
    """A web server's files and how it treats their requests; `served` counts bytes of bodies by path."""

    files: dict[str, bytes]
    ranges: bool = True
    cut_after: dict[str, list[int]] = field(default_factory=dict)
    """By path: bytes after which the connection is dropped, one number for each request that is cut."""
    served: Counter[str] = field(default_factory=Counter)
    requested: list[tuple[str, str]] = field(default_factory=list)
    """Path and Range of each GET."""
    address: str = ""


class _WebHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    web: Web

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        content = self.web.files.get(path)
        if content is None:
            self.send_error(404)
            return
        start, end, status = 0, len(content), 200
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if match and self.web.ranges:
            start, status = int(match[1]), 206
            end = min(end, int(match[2]) + 1) if match[2] else end
        if body:
            self.web.requested.append((path, self.headers.get("Range", "")))
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if path.endswith("/") else "application/octet-stream")
        self.send_header("Content-Length", str(end - start))
        self.send_header("ETag", f'"{md5(content).hexdigest()}"')
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")
        self.send_header("Accept-Ranges", "bytes" if self.web.ranges else "none")
        self.end_headers()
        if not body:
            return
        cuts = self.web.cut_after.get(path, [])
        part = content[start : start + cuts.pop(0)] if cuts else content[start:end]
        self.wfile.write(part)
        self.web.served[path] += len(part)
        if len(part) < end - start:
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def web_server(web: Web) -> Iterator[Web]:
    with _running(type("Handler", (_WebHandler,), {"web": web})) as address:
        web.address = address
        yield web


class _GoogleHandler(BaseHTTPRequestHandler):
    """The calls of Google's JSON API that reading needs (objects.list, objects.get)."""

    objects: dict[str, bytes]
    """By `bucket/name`."""
    damaged: set[str]

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        if match := re.fullmatch(r"/storage/v1/b/([^/]+)/o/?", url.path):
            self._list(match[1], query)
        elif match := re.fullmatch(r"(?:/download)?/storage/v1/b/([^/]+)/o/([^/]+)", url.path):
            key = f"{match[1]}/{unquote(match[2])}"
            if key not in self.objects:
                self._json({"error": {"code": 404, "message": "Not Found"}}, 404)
            elif query.get("alt") == "media":
                self._media(key)
            else:
                self._json(self._item(key))
        else:
            self._json({"error": {"code": 404, "message": "Not Found"}}, 404)

    def _list(self, bucket: str, query: dict[str, str]) -> None:
        if not any(key.startswith(f"{bucket}/") for key in self.objects):
            self._json({"error": {"code": 404, "message": "The specified bucket does not exist."}}, 404)
            return
        prefix = f"{bucket}/{query.get('prefix', '')}"
        self._json({"items": [self._item(key) for key in sorted(self.objects) if key.startswith(prefix)]})

    def _item(self, key: str) -> dict[str, Any]:
        bucket, _, name = key.partition("/")
        checksum = b64encode(md5(self.objects[key]).digest()).decode()
        return {
            "kind": "storage#object",
            "bucket": bucket,
            "name": name,
            "size": str(len(self.objects[key])),
            "generation": "1",
            "md5Hash": checksum,
            "contentType": "image/jpeg",
            "mediaLink": f"http://{self.headers['Host']}/storage/v1/b/{bucket}/o/{name}?alt=media",
        }

    def _media(self, key: str) -> None:
        content = self.objects[key]
        if key in self.damaged:
            content = bytes([content[0] ^ 1]) + content[1:]
        _send(self, content, "image/jpeg")

    def _json(self, document: dict[str, Any], status: int = 200) -> None:
        _send(self, json.dumps(document).encode(), "application/json", status)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def google_storage(objects: dict[str, bytes], damaged: set[str] | None = None) -> Iterator[str]:
    """Address of Google Cloud Storage with these objects, by `bucket/name`; those in `damaged` arrive changed."""
    handler = type("Handler", (_GoogleHandler,), {"objects": objects, "damaged": damaged or set()})
    with _running(handler) as address:
        yield address


_XML = '<?xml version="1.0" encoding="utf-8"?>'


class _AzureHandler(BaseHTTPRequestHandler):
    """The calls of Azure's Blob service that reading needs (List Blobs, Get Blob, Get Blob Properties)."""

    blobs: dict[str, bytes]
    """By `container/name`."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        _, _account, container, *rest = unquote(url.path).split("/", 3)
        if self.headers.get("Authorization", "").split(":")[0] != "SharedKey devstoreaccount1":
            self._error(403, "AuthenticationFailed")
        elif query.get("comp") == "list":
            self._list(container, query)
        elif query.get("restype") == "container":
            known = any(key.startswith(f"{container}/") for key in self.blobs)
            _send(self, b"", "application/xml") if known else self._error(404, "ContainerNotFound")
        else:
            content = self.blobs.get(f"{container}/{rest[0]}" if rest else "")
            _send(self, content, "image/jpeg", blob=True) if content is not None else self._error(404, "BlobNotFound")

    def _list(self, container: str, query: dict[str, str]) -> None:
        if not any(key.startswith(f"{container}/") for key in self.blobs):
            self._error(404, "ContainerNotFound")
            return
        prefix = query.get("prefix", "")
        names = [key.partition("/")[2] for key in sorted(self.blobs) if key.startswith(f"{container}/{prefix}")]
        delimiter = query.get("delimiter")
        folders = sorted(
            {
                prefix + name[len(prefix) :].split("/")[0] + "/"
                for name in names
                if delimiter and "/" in name[len(prefix) :]
            }
        )
        plain = [name for name in names if not (delimiter and "/" in name[len(prefix) :])]
        blobs = "".join(self._blob(container, name) for name in plain)
        blobs += "".join(f"<BlobPrefix><Name>{name}</Name></BlobPrefix>" for name in folders)
        result = f'<EnumerationResults ContainerName="{container}"><Blobs>{blobs}</Blobs><NextMarker/>'
        text = f"{_XML}{result}</EnumerationResults>"
        _send(self, text.encode(), "application/xml")

    def _blob(self, container: str, name: str) -> str:
        content = self.blobs[f"{container}/{name}"]
        checksum = b64encode(md5(content).digest()).decode()
        return (
            f"<Blob><Name>{name}</Name><Properties><Last-Modified>Mon, 01 Jan 2024 00:00:00 GMT</Last-Modified>"
            f"<Etag>0x1</Etag><Content-Length>{len(content)}</Content-Length><Content-Type>image/jpeg</Content-Type>"
            f"<Content-MD5>{checksum}</Content-MD5><BlobType>BlockBlob</BlobType></Properties></Blob>"
        )

    def _error(self, status: int, code: str) -> None:
        text = f"{_XML}<Error><Code>{code}</Code><Message>{code}</Message></Error>"
        _send(self, text.encode(), "application/xml", status, error=code)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def azure_storage(blobs: dict[str, bytes]) -> Iterator[str]:
    """Address of Azure Blob Storage with these blobs, by `container/name`, of account `devstoreaccount1`."""
    with _running(type("Handler", (_AzureHandler,), {"blobs": blobs})) as address:
        yield f"{address}/devstoreaccount1"


def _send(
    handler: BaseHTTPRequestHandler, content: bytes, kind: str, status: int = 200, blob: bool = False, error: str = ""
) -> None:
    total, start = len(content), 0
    wanted = handler.headers.get("x-ms-range") or handler.headers.get("Range", "")
    if status == 200 and (match := re.fullmatch(r"bytes=(\d+)-(\d*)", wanted)):
        start, status = int(match[1]), 206
        content = content[start : int(match[2]) + 1 if match[2] else None]
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(content)))
    if status == 206:
        handler.send_header("Content-Range", f"bytes {start}-{start + len(content) - 1}/{total}")
    if blob:
        handler.send_header("ETag", "0x1")
        handler.send_header("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
        handler.send_header("x-ms-blob-type", "BlockBlob")
    if error:
        handler.send_header("x-ms-error-code", error)
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(content)


@contextmanager
def _running(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
