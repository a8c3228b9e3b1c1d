"""What `recon view` shows while a training runs, and how it gives way to the report, in a real browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from PIL import Image

from harness.browser import browsing
from reconstruction_cli.viewing.server import ViewServer, serve
from reconstruction_cli.viewing.viewed import Moment

from ..chromium import needs_chromium

HISTORY = [[20 * step, 1 / step, 10.0 + step, 9.0 + step if step % 5 == 0 else None] for step in range(1, 20)]


class Training:
    """That ends when it is told to."""

    def __init__(self, picture: Path):
        self.now = Moment("statue", "Training", "step 380", 40.0, [list(line) for line in HISTORY], picture="1")
        self._picture = picture.read_bytes()

    def moment(self) -> Moment:
        return self.now

    def picture(self) -> bytes:
        return self._picture

    def names(self) -> list[str]:
        return ["report.html"]

    def read(self, name: str) -> Iterator[bytes]:
        yield b"<!DOCTYPE html><title>report</title><p>the report</p>"


@needs_chromium
def test_curves_and_pictures_then_the_report(tmp_path: Path) -> None:
    Image.new("RGB", (32, 24), (200, 40, 40)).save(tmp_path / "picture.jpg")
    training = Training(tmp_path / "picture.jpg")
    server = ViewServer(training, pace=0.1)
    thread = threading.Thread(target=serve, args=(server, lambda each: each.is_left(0.0, 120.0), 0.05))
    thread.start()
    address = cast(Path, SimpleNamespace(as_uri=lambda: server.address))
    with browsing(address, tmp_path, ready="#charts svg") as page:
        assert page.value("document.querySelector('#title').textContent") == "statue"
        assert page.value("[...document.querySelectorAll('#charts h2')].map(each => each.textContent)") == [
            "PSNR29 dB, held out 24 dB", "Loss0.05263",
        ]  # fmt: skip
        page.wait_until("document.querySelector('#picture img').naturalWidth === 32")
        assert page.value("document.querySelector('#progress').value") == 40
        training.now = replace(training.now, report=True)
        page.wait_until("!document.querySelector('#report').hidden && document.querySelector('#live').hidden")
        assert {each.split("/")[2] for each in page.requests} == {f"127.0.0.1:{server.server_port}"}
        assert any(each.endswith("/report.html") for each in page.requests)
    thread.join(120)
    assert not thread.is_alive(), "the page is gone"
