"""Checksums that the owner of the photos gave: of one archive or video in the spec, of many files in `SHA256SUMS`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Final

from reconstruction_api.errors import ReconstructionError

from ..files import sha256_of
from .limits import Limits
from .listing import SourceFile, access_to, relevant
from .text_files import read_text

SUMS: Final = "SHA256SUMS"
MAX_SUMS_BYTES: Final = 16 * 10**6
_LINE: Final = re.compile(r"\\?([0-9a-fA-F]{64}) [ *](.+)")
"""As `sha256sum` writes it."""


def check_file(path: Path, expected: str, shown_as: str) -> None:
    """Raises ChecksumMismatch when a file is not the one that spec.source.sha256 means."""
    found = sha256_of(path)
    if found != expected.lower():
        raise ReconstructionError(
            "ChecksumMismatch",
            f"{shown_as} has the SHA-256 checksum {found}; spec.source.sha256 says {expected.lower()}.",
            details={"expected": expected.lower(), "found": found},
        )


def check_listed(files: Sequence[SourceFile], limits: Limits) -> None:
    """Raises ChecksumMismatch for the first file that differs from what a `SHA256SUMS` beside it says, or that is
    listed there and missing. What is no part of the set, hidden or too large, is not looked at."""
    by_name = {file.name: file for file in files}
    left_out = {file.name for file in files if file.size > limits.allowed_bytes(file.name)}
    for sums in files:
        if PurePosixPath(sums.name).name == SUMS and sums.size <= MAX_SUMS_BYTES and sums.name not in left_out:
            with access_to(sums.name):
                entries = list(_entries(sums.path))
            for expected, name in entries:
                listed = normpath(PurePosixPath(sums.name).parent / name)
                if listed in left_out or not relevant(listed):
                    continue
                file = by_name.get(listed)
                if file is None or not file.path.is_file():
                    raise _mismatch(f"{sums.name} lists {listed}, which is missing.", listed)
                with access_to(listed):
                    found = sha256_of(file.path)
                if found != expected.lower():
                    raise _mismatch(f"{listed} is not the file whose checksum is in {sums.name}.", listed)


def _entries(path: Path) -> Iterator[tuple[str, str]]:
    for line in read_text(path, errors="replace").splitlines():
        if match := _LINE.fullmatch(line.rstrip()):
            yield match[1], match[2].removeprefix("./")


def _mismatch(problem: str, name: str) -> ReconstructionError:
    return ReconstructionError("ChecksumMismatch", problem, details={"file": name})
