"""`recon view` serves one person on this machine, and ends with the page."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from reconstruction_api.errors import ReconstructionError
from reconstruction_cli.viewing.folder import Folder
from reconstruction_cli.viewing.live_page import PAGE, POLICY
from reconstruction_cli.viewing.server import ViewServer, serve
from reconstruction_cli.viewing.viewed import Moment

PATIENCE = 60.0


class Result:
    """What is viewed."""

    now = Moment("statue", stage="Training", history=[[20, 0.5, 17.0, None], [40, 0.4, 19.0, 18.5]])

    def moment(self) -> Moment:
        return self.now

    def picture(self) -> bytes:
        return b"jpeg"

    def names(self) -> list[str]:
        return ["report.html", "model.glb"]

    def read(self, name: str) -> Iterator[bytes]:
        yield from (b"con", b"tent of ", name.encode())


@contextmanager
def serving(after_the_page: float = 0.0) -> Iterator[tuple[ViewServer, threading.Thread]]:
    server = ViewServer(Result(), pace=0.05)
    left = threading.Event()

    def is_left(server: ViewServer) -> bool:
        return left.is_set() or server.is_left(after_the_page, PATIENCE)

    thread = threading.Thread(target=serve, args=(server, is_left, 0.01))
    thread.start()
    try:
        yield server, thread
    finally:
        left.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def get(server: ViewServer, path: str, host: str | None = None) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=PATIENCE)
    try:
        connection.request("GET", path, headers={"Host": host} if host else {})
        answer = connection.getresponse()
        return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_it_is_reached_on_the_loopback_address_alone() -> None:
    with serving() as (server, _):
        assert server.server_address[0] == "127.0.0.1"
        assert server.address.startswith("http://127.0.0.1:")


def test_without_the_token_nothing_is_there() -> None:
    with serving() as (server, _):
        for path in ("/", "/report.html", "/events", "/x/report.html", f"/{server.token[:-1]}/", f"/{server.token}x/"):
            assert get(server, path)[:2] == (404, b""), path
        status, page, headers = get(server, f"/{server.token}/")
        assert (status, page.decode()) == (200, PAGE)
        assert headers["content-security-policy"] == POLICY
        assert headers["referrer-policy"] == "no-referrer"


def test_another_host_name_that_leads_here_is_not_answered() -> None:
    """DNS rebinding: a page of somebody's whose name suddenly means this machine."""
    with serving() as (server, _):
        path = f"/{server.token}/report.html"
        for host in ("evil.example", f"evil.example:{server.server_port}", "127.0.0.1", "127.0.0.1:1"):
            assert get(server, path, host)[:2] == (421, b""), host
        assert get(server, path, f"localhost:{server.server_port}")[0] == 200


def test_files_of_the_result_are_read_and_no_others() -> None:
    with serving() as (server, _):
        assert get(server, f"/{server.token}/model.glb")[1] == b"content of model.glb"
        for name in ("secret", "../secret", "%2e%2e/secret", "/etc/passwd", "model.glb/"):
            assert get(server, f"/{server.token}/{name}")[0] == 404, name


def test_the_address_is_another_each_time() -> None:
    with serving() as (first, _), serving() as (second, _):
        assert first.token != second.token and len(first.token) >= 32


def test_it_ends_when_the_page_is_closed() -> None:
    with serving() as (server, thread):
        page = socket.create_connection(("127.0.0.1", server.server_port), timeout=PATIENCE)
        page.sendall(f"GET /{server.token}/events HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n\r\n".encode())
        received = b""
        while b"\n\n" not in received.partition(b"data: ")[2]:
            received += page.recv(4096)
        moment = json.loads(received.partition(b"data: ")[2].partition(b"\n")[0])
        assert (moment["stage"], moment["history"][-1]) == ("Training", [40, 0.4, 19.0, 18.5])
        assert thread.is_alive(), "a page is open"
        page.close()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_it_ends_when_no_page_was_ever_opened() -> None:
    server = ViewServer(Result())
    assert not server.is_left(0, PATIENCE)
    until(lambda: server.is_left(0, 0))
    server.server_close()


@contextmanager
def running(workspace: Path) -> Iterator[None]:
    """As a run holds its workspace."""
    workspace.mkdir(parents=True, exist_ok=True)
    with (workspace / ".reconstruction-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def test_a_training_is_followed_until_the_report_is_there(tmp_path: Path) -> None:
    out = tmp_path / "statue"
    workspace = out / "workspace"
    with running(workspace):
        for name in ("stages", "train"):
            (workspace / name).mkdir()
        for name in ("ingest", "poses"):
            (workspace / "stages" / f"{name}.json").write_text("{}")
        lines = [
            '{"step": 20, "loss": 0.5, "psnr": 17.0}',
            '{"step": 40, "loss": 0.4, "psnr": 19.0, "heldOutPsnr": 18}',
        ]
        (workspace / "train" / "history.jsonl").write_text("\n".join([*lines, '{"step": 6']))
        folder = Folder(out)
        seen = folder.moment()
        assert (seen.title, seen.stage) == ("statue", "Training")
        assert seen.history == [[20, 0.5, 17.0, None], [40, 0.4, 19.0, 18]]
        assert (workspace / "live" / "wanted").exists(), "the training is asked for pictures"
        assert (seen.picture, folder.picture()) == ("", b"")
        (workspace / "live" / "view.jpg").write_bytes(b"jpeg")
        assert folder.moment().picture and folder.picture() == b"jpeg"
    assert folder.moment().ended
    (workspace / "artifacts").mkdir()
    (workspace / "artifacts" / "report.html").write_text("<html>")
    assert folder.moment() == replace(Moment("statue"), report=True)
    assert folder.names() == ["report.html"]
    assert b"".join(Folder(out).read("report.html")) == b"<html>"


def test_of_several_engines_the_one_that_trains_is_followed_and_all_files_are_offered(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    with running(workspace):
        (workspace / "stages").mkdir()
        for name in ("ingest", "poses"):
            (workspace / "stages" / f"{name}.json").write_text("{}")
        for seconds, name in ((1, "nerfacto"), (2, "splats")):
            history = workspace / "engines" / name / "train" / "history.jsonl"
            history.parent.mkdir(parents=True)
            history.write_text(f'{{"step": {seconds}}}')
            os.utime(history, (seconds, seconds))
        assert Folder(tmp_path).moment().history == [[2, None, None, None]]
    results = tmp_path / "results"
    (results / "engines" / "splats").mkdir(parents=True)
    (results / "report.html").write_text("<html>")
    (results / "engines" / "splats" / "model.glb").write_text("glTF")
    assert sorted(Folder(results).names()) == ["engines/splats/model.glb", "report.html"]


def test_downloaded_results_need_no_workspace(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("<html>")
    assert Folder(tmp_path).moment().report


def test_a_folder_with_neither_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReconstructionError, match="holds neither a report nor the workspace"):
        Folder(tmp_path)
