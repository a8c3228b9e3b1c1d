"""Sends files so that what lies at the destination is proven to be what was made.

Each object is compared with the file after it was written: by the storage's own checksum (an entity tag that is an MD5
of the object, or of its parts), and where that is something else, by reading the object back. What has been proven is
noted in a journal, so that a publication that was interrupted sends nothing twice.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from reconstruction_api.errors import ReconstructionError

from .stores.store import Headers, Store, Stored

JOURNAL: Final = "sent.jsonl"


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file to send, as its record describes it."""

    name: str
    path: Path
    size: int
    sha256: str


@dataclass
class Fingerprint:
    """Checksums of content that passes in parts."""

    of_parts: bool = True
    """Whether tags may be MD5s of parts. On a volume they are not."""
    parts: list[bytes] = field(default_factory=list[bytes])
    """MD5 of each part."""
    _whole: hashlib._Hash = field(default_factory=hashlib.sha256)

    def passing(self, parts: Iterator[bytes]) -> Iterator[bytes]:
        for part in parts:
            if self.of_parts:
                self.parts.append(hashlib.md5(part, usedforsecurity=False).digest())
            self._whole.update(part)
            yield part

    @property
    def sha256(self) -> str:
        return self._whole.hexdigest()

    def is_told_by(self, tag: str) -> bool:
        """Whether an entity tag is that of the content: the MD5 of the only part, or of the MD5s of all."""
        if not self.of_parts:
            return False
        text = tag.strip('"').lower()
        if text.endswith(f"-{len(self.parts)}"):
            return text == f"{hashlib.md5(b''.join(self.parts), usedforsecurity=False).hexdigest()}-{len(self.parts)}"
        return len(self.parts) == 1 and text == self.parts[0].hex()


class Journal:
    """Objects that are proven, by path; survives the process."""

    def __init__(self, path: Path):
        self._path = path
        self._known = dict(_lines(path))

    def vouches_for(self, path: str, sha256: str, tag: str) -> bool:
        return bool(tag) and self._known.get(path) == (sha256, tag)

    def note(self, path: str, sha256: str, tag: str) -> None:
        self._known[path] = (sha256, tag)
        with self._path.open("a") as file:
            file.write(json.dumps([path, sha256, tag]) + "\n")
            file.flush()
            os.fsync(file.fileno())


def send_proven(store: Store, path: str, file: LocalFile, headers: Headers, journal: Journal) -> bool:
    """Make the object be the file; whether anything was sent. Raises ArtifactStoreError where the storage keeps
    something else than it was given."""
    known = store.find(path)
    if known is not None and _is_there(store, path, known, file, journal):
        journal.note(path, file.sha256, known.tag)
        return False
    seen = Fingerprint(store.tells_checksums)
    store.send(path, seen.passing(_parts(file.path, store.part_bytes)), file.size, headers)
    if seen.sha256 != file.sha256:
        raise ReconstructionError("ArtifactStoreError", f"{file.name} in the workspace is not what was recorded of it.")
    written = store.find(path)
    if written is None or written.size != file.size or not _is(store, path, written, seen, file):
        raise ReconstructionError(
            "ArtifactStoreError", f"The storage does not hold {file.name} as it was sent: its checksum differs."
        )
    journal.note(path, file.sha256, written.tag)
    return True


def _is_there(store: Store, path: str, known: Stored, file: LocalFile, journal: Journal) -> bool:
    """Whether an object that was there before is the file."""
    if known.size != file.size:
        return False
    if journal.vouches_for(path, file.sha256, known.tag):
        return True
    seen = Fingerprint(store.tells_checksums)
    for _ in seen.passing(_parts(file.path, store.part_bytes)):
        pass
    return seen.sha256 == file.sha256 and _is(store, path, known, seen, file)


def _is(store: Store, path: str, stored: Stored, seen: Fingerprint, file: LocalFile) -> bool:
    return seen.is_told_by(stored.tag) or sha256_of_object(store, path) == file.sha256


def sha256_of_object(store: Store, path: str) -> str:
    """By reading it. Raises FileNotFoundError."""
    whole = hashlib.sha256()
    for part in store.read(path):
        whole.update(part)
    return whole.hexdigest()


def _parts(path: Path, size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(size):
            yield part
    if path.stat().st_size == 0:
        yield b""


def _lines(path: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    """A last line that was cut off says nothing."""
    if not path.exists():
        return
    for line in path.read_text().splitlines():
        try:
            name, sha256, tag = json.loads(line)
        except ValueError:
            continue
        yield name, (sha256, tag)
