"""ZIP archives that are written as they come: no member is held in memory, and the same files give the same archive."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import Final

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""Time of every member."""
_AT_ONCE: Final = 2**20


def add_file(archive: zipfile.ZipFile, name: str, path: Path, compression: int, level: int | None = None) -> None:
    """Append a file; `compression` is ZIP_STORED or ZIP_DEFLATED, `level` that of deflate."""
    entry = member(name, compression, level)
    with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
        shutil.copyfileobj(source, target, _AT_ONCE)


def member(name: str, compression: int, level: int | None = None) -> zipfile.ZipInfo:
    """The head of a member that anybody may read."""
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = compression
    entry._compresslevel = level  # type: ignore[attr-defined] - what writestr's argument sets
    entry.external_attr = 0o644 << 16
    return entry
