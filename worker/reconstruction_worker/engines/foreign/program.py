"""Runs a foreign program: line by line, so that progress is told and a stop is heeded, and its end becomes an error of
the catalogue."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reconstruction_api.errors import ReconstructionError

from ...stage import StageContext, Stopped
from .outcome import failure_of

ENV_UPSTREAM: Final = "RECONSTRUCTION_UPSTREAM"
"""Folder with a folder for each foreign program."""
_DEFAULT: Final = "/upstream"
INTERPRETER: Final = "venv/bin/python"
"""Of the program's own environment, below its folder; where there is none, it runs with the worker's."""
POLL_SECONDS: Final = 0.5
PATIENCE_SECONDS: Final = 10.0
"""Between SIGTERM and SIGKILL: these programs write no checkpoints."""
REMEMBERED_LINES: Final = 60


def upstream_folder(name: str) -> Path:
    """Where an image has the sources of others by that name."""
    return Path(os.environ.get(ENV_UPSTREAM) or _DEFAULT) / name


@dataclass(frozen=True)
class Program:
    """A foreign program by the name of its engine. `entry`, a file of its, is the script that is run, unless an adapter
    brings a `script` of its own, which imports the program from the folder that its first argument names."""

    engine: str
    entry: str
    script: Path | None = None

    @property
    def folder(self) -> Path:
        return upstream_folder(self.engine)

    def require(self) -> None:
        """Raises EngineUnavailable where this image does not have it."""
        if not (self.folder / self.entry).is_file():
            raise ReconstructionError(
                "EngineUnavailable",
                f"The engine {self.engine} needs {self.entry} in {self.folder}, which this image does not have.",
                suggestion=f"Build the image of adapters/{self.engine} (docs/engines.md), and name it in the profile.",
                details={"engine": self.engine, "file": str(self.folder / self.entry)},
            )

    def run(self, context: StageContext, arguments: Sequence[str], where: Path, heard: Callable[[str], None]) -> None:
        """Run it in the folder `where`; `heard` gets each line that it prints, and may raise. Raises Stopped, or what
        the program's end means."""
        self.require()
        python = self.folder / INTERPRETER
        what = [str(self.script), str(self.folder)] if self.script is not None else [str(self.folder / self.entry)]
        command = [str(python if python.exists() else sys.executable), "-u", *what, *arguments]
        process = subprocess.Popen(
            command, cwd=where, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        lines: queue.Queue[str] = queue.Queue()
        reader = threading.Thread(target=_read, args=(process, lines), daemon=True)
        reader.start()
        last: deque[str] = deque(maxlen=REMEMBERED_LINES)
        try:
            while process.poll() is None or reader.is_alive() or not lines.empty():
                if context.stop_requested():
                    raise Stopped
                try:
                    line = lines.get(timeout=POLL_SECONDS)
                except queue.Empty:
                    continue
                print(line)  # into the stage's log
                last.append(line)
                heard(line)
        finally:
            _end(process)
        if process.returncode:
            raise failure_of(self.engine, process.returncode, list(last))


def _read(process: subprocess.Popen[str], lines: queue.Queue[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line.rstrip("\n"))


def _end(process: subprocess.Popen[str]) -> None:
    """Memory of GPU and machine is given back with the process."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
