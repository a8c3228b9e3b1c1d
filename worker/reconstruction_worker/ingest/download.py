"""Downloads that continue where they stopped: after a connection that broke, and after a process that was killed.

A file lies in the folder under a name made of its address and version, with the suffix `.part` until it is complete:
what changed in the storage meanwhile has another name, and is fetched from its beginning.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Final

from reconstruction_api.errors import ReconstructionError

from ..stage import Stopped
from .storage_errors import may_pass

CHUNK: Final = 4 << 20
"""Bytes of one request, and of one write."""
ATTEMPTS: Final = 4
"""Requests in a row that may fail without a byte of progress."""
FIRST_WAIT_SECONDS: Final = 0.5
"""Before the second attempt; doubled for each one after it."""


@dataclass(frozen=True)
class RemoteFile:
    """A file as the storage lists it. `name` is relative to the source's root."""

    path: str
    name: str
    size: int | None
    version: str | None
    """Changes whenever the content does (an entity tag, a generation, a time); None where the storage has no such
    thing."""
    md5: bytes | None = None
    """Of the content, where the storage knows it."""


class Downloader:
    """Fetches files of one fsspec file system into a folder. May be used by several threads."""

    def __init__(self, system: Any, folder: Path, limit: int, stop_requested: Callable[[], bool]):
        self._system = system
        self._folder = folder
        self._stop_requested = stop_requested
        self._room = limit
        self._abort = Event()
        folder.mkdir(parents=True, exist_ok=True)

    def abort(self) -> None:
        """Make transfers in other threads give up."""
        self._abort.set()

    def fetch(self, file: RemoteFile, progress: Callable[[int], None] = lambda _: None) -> Path:
        """The file on this machine; `progress` receives the bytes that are there. Raises what the storage raises, and
        Stopped, FileTooLarge, ArtifactStoreError (incomplete, or not what its checksum says)."""
        complete = self._folder / _local_name(file)
        if not complete.exists():
            part = complete.with_suffix(".part")
            self._persist(file, part, progress)
            _check(file, part)
            part.rename(complete)
        progress(complete.stat().st_size)
        return complete

    def _persist(self, file: RemoteFile, part: Path, progress: Callable[[int], None]) -> None:
        failures = 0
        while True:
            before = _size(part)
            try:
                self._transfer(file, part, progress)
                return
            except Exception as error:
                if not may_pass(error):
                    raise
                failures = 1 if _size(part) > before else failures + 1
                if failures >= ATTEMPTS:
                    raise
                self._wait(FIRST_WAIT_SECONDS * 2 ** (failures - 1))

    def _transfer(self, file: RemoteFile, part: Path, progress: Callable[[int], None]) -> None:
        """Append what is missing. A server that can't begin in the middle starts from the beginning."""
        start = _size(part)
        try:
            stream = _open(self._system, file, start)
        except ValueError:
            part.unlink()
            start, stream = 0, _open(self._system, file, 0)
        with stream, part.open("r+b" if start else "wb") as local:
            local.seek(start)
            done = start
            while chunk := stream.read(CHUNK):
                self._check_going_on()
                done += len(chunk)
                if done > self._room:
                    raise ReconstructionError("FileTooLarge", "The source holds more bytes than a set may have.")
                local.write(chunk)
                progress(done)
        if file.size is not None and done < file.size:
            raise ConnectionError(f"ended after {done} of {file.size} bytes")

    def _check_going_on(self) -> None:
        if self._stop_requested() or self._abort.is_set():
            raise Stopped

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._check_going_on()
            time.sleep(0.05)


def _open(system: Any, file: RemoteFile, start: int) -> Any:
    """A stream from `start` on. Raises ValueError when the server can't do that."""
    web = "http" in (system.protocol if isinstance(system.protocol, tuple) else (system.protocol,))
    if web and start == 0:
        return system.open(file.path, "rb", block_size=0)  # one request for all of it
    stream = system.open(file.path, "rb", block_size=CHUNK, cache_type="readahead" if web else "none")
    if start:
        stream.seek(start)
        if web:
            stream.read(0)
    return stream


def _check(file: RemoteFile, part: Path) -> None:
    """Raises ArtifactStoreError, which is worth another try, and removes a file that is not what the storage said."""
    if file.md5 is None:
        return
    with part.open("rb") as local:
        digest = hashlib.file_digest(local, lambda: hashlib.md5(usedforsecurity=False)).digest()
    if digest != file.md5:
        part.unlink()
        raise ReconstructionError(
            "ArtifactStoreError",
            f"{file.name} arrived damaged: its checksum is not the one that the storage has.",
            details={"file": file.name},
        )


def _local_name(file: RemoteFile) -> str:
    version = file.version if file.version is not None else uuid.uuid4().hex
    return hashlib.sha256("\n".join([file.path, version, str(file.size)]).encode()).hexdigest()[:32]


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
