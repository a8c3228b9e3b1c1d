"""A folder: of a volume claim, or of this machine in a local run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from ...files import sync_folder, write_atomically
from .store import Changed, Headers, Stored

_PART_BYTES: Final = 8 * 2**20
_TEMPORARY: Final = ".part"


class FolderStore:
    """Files below a folder. Readers of a volume see no media types and need no `Cache-Control`."""

    def __init__(self, root: Path):
        self._root = root
        self.part_bytes = _PART_BYTES
        self.tells_checksums = False

    def find(self, path: str) -> Stored | None:
        target = self._below(path)
        if not target.is_file():
            return None
        status = target.stat()
        return Stored(status.st_size, f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}")

    def send(self, path: str, parts: Iterable[bytes], size: int, headers: Headers) -> None:
        target = self._below(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}{_TEMPORARY}")
        with temporary.open("wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        sync_folder(target.parent)

    def write(self, path: str, content: bytes, headers: Headers, *, instead_of: Stored | None) -> None:
        if self.find(path) != instead_of:
            raise Changed(path)
        write_atomically(self._below(path), content)

    def read(self, path: str) -> Iterator[bytes]:
        with self._below(path).open("rb") as file:
            while part := file.read(2**20):
                yield part

    def names(self, folder: str) -> list[str]:
        start = self._below(folder)
        found = (file for file in start.rglob("*") if file.is_file() and not file.is_symlink())
        return sorted(file.relative_to(self._root).as_posix() for file in found)

    def delete(self, paths: list[str]) -> None:
        for path in paths:
            target = self._below(path)
            target.unlink(missing_ok=True)
            for parent in target.parents:
                if parent == self._root or any(parent.iterdir()):
                    break
                parent.rmdir()

    def _below(self, path: str) -> Path:
        """A link that somebody has put on the volume must not lead out of it."""
        target = self._root / path
        if not target.resolve().is_relative_to(self._root.resolve()):
            raise PermissionError(f"{path} leads out of the destination")
        return target
