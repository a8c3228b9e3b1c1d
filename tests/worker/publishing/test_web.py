"""Stage `publish` with a web server that takes PUT."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness.finished_workspace import FILES, context, followed, results
from reconstruction_api.documents.published import PublishedJob
from reconstruction_api.errors import ReconstructionError
from reconstruction_worker import unpublish
from reconstruction_worker.publishing.stores.web import WebStore
from reconstruction_worker.stages import publish

AUTHORIZATION = "Bearer of-the-museum"


class Server:
    """Resources by path, and the headers that each was written with."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.headers: dict[str, dict[str, str]] = {}
        self.address = ""


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self, status: int, content: bytes = b"", tag: str = "") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            if tag:
                self.send_header("ETag", tag)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["Authorization"] != AUTHORIZATION:
                return self.answer(403)
            if self.headers["If-None-Match"] == "*" and self.path in server.files:
                return self.answer(412)
            server.files[self.path] = body
            server.headers[self.path] = dict(self.headers)
            return self.answer(201)

        def do_GET(self) -> None:
            if self.path not in server.files:
                return self.answer(404)
            content = server.files[self.path]
            return self.answer(200, content, f'"{hash(content)}"')

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_DELETE(self) -> None:
            self.answer(204 if server.files.pop(self.path, None) is not None else 404)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        server.address = f"http://127.0.0.1:{running.server_port}/results/"
        yield server
        running.shutdown()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Server()) as running:
        yield running


def below(server: Server) -> dict[str, bytes]:
    return {path.removeprefix("/results/"): content for path, content in server.files.items()}


def test_results_are_put_and_proven_by_reading_them_back(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HTTP_AUTHORIZATION", AUTHORIZATION)
    publish.run(context(results(tmp_path), {"uri": server.address}))
    assert followed(below(server)) == FILES
    path = next(path for path in server.headers if path.endswith("model.glb"))
    assert server.headers[path]["Content-Type"] == "model/gltf-binary"
    again = publish.run(context(tmp_path, {"uri": server.address}))
    assert again.message.endswith("(0 sent)")


def test_without_credentials_the_field_that_is_missing_is_named(server: Server, tmp_path: Path):
    with pytest.raises(ReconstructionError) as caught:
        publish.run(context(results(tmp_path), {"uri": server.address}))
    assert caught.value.code == "DestinationAccessDenied"
    assert "spec.destination.secretName" in caught.value.suggestion


def test_what_was_put_can_be_taken_back_although_nothing_is_listed(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HTTP_AUTHORIZATION", AUTHORIZATION)
    publish.run(context(results(tmp_path), {"uri": server.address}))
    job = PublishedJob(namespace="museum", name="statue", uid="uid-1")
    unpublish.remove(WebStore(server.address, AUTHORIZATION), job)
    assert server.files == {}
