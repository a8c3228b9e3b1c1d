"""Pages as a real browser shows them.

The browser is asked over its DevTools protocol: a test waits until a page says that it is ready, however
busy the machine is.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import websocket
from PIL import Image

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--force-prefers-reduced-motion",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
]
PATIENCE = 120.0  # seconds, for a machine that does much else
FRAMES = (
    "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"  # two have passed
)


class Page:
    """A page that is open in a browser. `complaints` is what it has said on its console, refusals included."""

    def __init__(self, connection: websocket.WebSocket) -> None:
        self.connection = connection
        self.session: str | None = None
        self.numbers = itertools.count(1)
        self.complaints: list[str] = []
        self.requests: list[str] = []  # addresses of all that it has asked for
        self.loaded = False

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a method of the protocol. Events that come before it are taken note of."""
        message: dict[str, Any] = {"id": next(self.numbers), "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.connection.send(json.dumps(message))
        while True:
            answer = json.loads(self.connection.recv())
            if answer.get("id") == message["id"]:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self._note(answer)

    def _note(self, event: dict[str, Any]) -> None:
        self.loaded |= event["method"] == "Page.loadEventFired"
        if event["method"] in {"Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"}:
            self.complaints.append(json.dumps(event["params"]))
        if event["method"] == "Network.requestWillBeSent":
            self.requests.append(event["params"]["request"]["url"])

    def open(self, address: str, size: tuple[int, int], ready: str) -> None:
        """Load the page in a window of so many pixels and wait until an element matches the selector `ready`."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call(
            "Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=False
        )
        self.call("Page.navigate", url=address)
        self.wait_until(f"document.readyState === 'complete' && document.querySelector({json.dumps(ready)}) !== null")

    def value(self, expression: str) -> Any:
        """What a JavaScript expression, or the promise that it is, evaluates to."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_until(self, expression: str) -> None:
        """Fails, with what the page has said, where the expression does not come true."""
        end = time.monotonic() + PATIENCE
        while not self.value(expression):
            assert time.monotonic() < end, f"{expression}: not so after {PATIENCE:g} s. {self.complaints}"
            time.sleep(0.02)

    def picture(self) -> Image.Image:
        """What is shown once it moves no more: what two looks have in common."""
        end = time.monotonic() + PATIENCE
        before, now = "", self._look()
        while now != before:
            assert time.monotonic() < end, f"the page still moves after {PATIENCE:g} s"
            before, now = now, self._look()
        with Image.open(io.BytesIO(base64.b64decode(now))) as image:
            return image.convert("RGB")

    def _look(self) -> str:
        self.value(FRAMES)
        return self.call("Page.captureScreenshot", format="png")["data"]


@contextmanager
def browsing(page: Path, folder: Path, *flags: str, size: tuple[int, int] = (1200, 900), ready: str) -> Iterator[Page]:
    """A file, open in a browser of its own whose profile is kept in `folder`. Fails where the page says anything on its
    console: a script's error, or something that its policy refused."""
    profile = folder / "profile"
    shutil.rmtree(profile, ignore_errors=True)
    with subprocess.Popen(
        [CHROMIUM or "", *FLAGS, *flags, f"--user-data-dir={profile}", "about:blank"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as browser:  # fmt: skip
        try:
            connection = websocket.create_connection(_address(profile, browser), timeout=PATIENCE, suppress_origin=True)
            shown = Page(connection)
            shown.open(page.as_uri(), size, ready)
            yield shown
            shown.value(FRAMES)
            connection.close()
        finally:
            browser.kill()
    assert not shown.complaints, shown.complaints


def _address(profile: Path, browser: subprocess.Popen[bytes]) -> str:
    """Where the browser listens, which it writes into its profile."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and browser.poll() is None:
        lines = _lines(profile / "DevToolsActivePort")
        if len(lines) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(0.02)
    raise AssertionError(f"the browser does not listen; exit status {browser.poll()}")


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except FileNotFoundError:
        return []


VIEWER = "html[data-viewer]"  # said by the report once it shows what it can show


def screenshot(
    page: Path, folder: Path, *flags: str, size: tuple[int, int] = (1200, 900), ready: str = VIEWER
) -> Image.Image:
    """The page in a window of so many pixels, in RGB. Fails where it says anything on its console."""
    with browsing(page, folder, *flags, size=size, ready=ready) as shown:
        return shown.picture()


def elements(page: Path, folder: Path, *flags: str, ready: str = VIEWER) -> str:
    """The page's elements as text, once its scripts have run. Fails where it says anything on its console."""
    with browsing(page, folder, *flags, ready=ready) as shown:
        return shown.value("document.documentElement.outerHTML")
