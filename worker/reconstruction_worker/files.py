"""Files that survive a crash: written whole or not at all, and checked by their content."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from reconstruction_api.documents.base import Document


def write_atomically(path: Path, data: bytes | str) -> None:
    """Write `path` so that a reader, or a machine that lost power, sees the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_json(path: Path, data: Any) -> None:
    """Write plain data as JSON that people can read, atomically."""
    write_atomically(path, json.dumps(data, indent=1) + "\n")


def write_document(path: Path, document: Document) -> None:
    """The same for a document that has a model."""
    write_json(path, document.data())


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable (a rename is only on disk once its folder is)."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """Checksum of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def empty_folder(folder: Path) -> None:
    """Leave an empty folder there, whatever was there before. What was there goes at once, not file by file: whenever
    this is killed, nobody finds a list of files of which some are gone."""
    leaving = folder.with_name(f".{folder.name}.removed")
    if leaving.exists():
        shutil.rmtree(leaving)
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.exists():
        folder.rename(leaving)
    folder.mkdir(parents=True)
    if leaving.exists():
        shutil.rmtree(leaving)
