"""Whether a copy of a job's results is whole: a folder, or a bundle, compared with the manifest in it."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import IO, Any

import click
from pydantic import ValidationError

from reconstruction_api.documents.manifest import FILE, DeliveredFile, ManifestDocument
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.formats import BUNDLE
from reconstruction_api.readable import byte_size

Open = Callable[[str], IO[bytes]]
"""Opens a file of the copy by its name; raises FileNotFoundError or KeyError."""


def verify(copy: Path) -> None:
    """Raises ChecksumMismatch for a copy that lacks a file or holds another one."""
    with ExitStack() as stack:
        if copy.is_file():
            try:
                archive = stack.enter_context(zipfile.ZipFile(copy))
            except zipfile.BadZipFile:
                raise _mismatch(f"{copy} is no ZIP archive, or a part of one.") from None
            problems, size, count = _compared(archive.open, copy, has_bundle=False)
        else:
            problems, size, count = _compared(lambda name: (copy / name).open("rb"), copy, has_bundle=True)
    if problems:
        raise _mismatch(f"{copy} is not what the job delivered: {'; '.join(problems)}.", {"files": problems})
    click.echo(f"{copy}: {count} files, {byte_size(size)}, each as {FILE} says.")


def _compared(open_file: Open, copy: Path, *, has_bundle: bool) -> tuple[list[str], int, int]:
    """What is wrong, and how many bytes and files there are."""
    manifest = _manifest(open_file, copy)
    wanted = [file for file in manifest.artifacts if has_bundle or file.name != BUNDLE]
    problems = [f"{file.name} {problem}" for file in wanted if (problem := _problem(open_file, file))]
    return problems, sum(file.size_bytes for file in wanted), len(wanted)


def _manifest(open_file: Open, copy: Path) -> ManifestDocument:
    try:
        with open_file(FILE) as file:
            return ManifestDocument.model_validate_json(file.read())
    except (FileNotFoundError, KeyError):
        raise _mismatch(f"{copy} has no {FILE}, so nobody can say what belongs to it.") from None
    except (ValueError, ValidationError):
        raise _mismatch(f"{FILE} in {copy} can't be read.") from None


def _problem(open_file: Open, expected: DeliveredFile) -> str:
    """Empty where the file is as it should be."""
    path = PurePosixPath(expected.name)
    if path.is_absolute() or ".." in path.parts or "\\" in expected.name:
        return "leads out of the copy"
    whole, size = hashlib.sha256(), 0
    try:
        with open_file(expected.name) as file:
            while part := file.read(2**20):
                whole.update(part)
                size += len(part)
    except (FileNotFoundError, KeyError):
        return "is missing"
    except (zipfile.BadZipFile, EOFError):
        return "is damaged"
    if size != expected.size_bytes:
        return f"has {size} bytes instead of {expected.size_bytes}"
    return "" if whole.hexdigest() == expected.sha256 else "has another checksum"


def _mismatch(message: str, details: dict[str, Any] | None = None) -> ReconstructionError:
    return ReconstructionError("ChecksumMismatch", message, suggestion="Fetch the files again.", details=details)
