"""`recon` in a process of its own, watched line by line."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Self


class Watcher:
    """Its lines, standard error's too, are read as they come; it is killed when the context ends."""

    def __init__(self, *words: str, stdin: Path | None = None):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "reconstruction_cli", *words],
            stdin=stdin.open() if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self.lines: list[str] = []
        self._queue: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def until(self, words: str, seconds: float = 180) -> str:
        """The next line with these words."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                line = self._queue.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no line with {words!r} in {self.lines}") from None
            self.lines.append(line)
            if words in line:
                return line

    def end(self) -> int:
        """The exit status; all lines have been read."""
        status = self.process.wait(180)
        self._reader.join(5)
        while not self._queue.empty():
            self.lines.append(self._queue.get())
        return status

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._queue.put(line.rstrip("\n"))
