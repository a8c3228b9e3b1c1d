"""How libraries say that a disk is full, and whether it is. Many of them swallow the system's own error."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Final

_OUT_OF_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_PHRASES: Final = (
    "no space left on device",
    "disk quota exceeded",
    "database or disk is full",  # SQLite, in which COLMAP keeps features
    "disk is full",
    "pytorchstreamwriter failed",  # torch.save
    "file write failed",
)
FULL_BYTES: Final = 4 * 2**20
"""Free space below which a failure is put down to the disk: less than one photo's features, or a step's log."""


def says_full(exception: BaseException) -> bool:
    """Whether an exception, or one that it was raised from, is about a full disk."""
    seen: set[int] = set()
    current: BaseException | None = exception
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        if isinstance(current, OSError) and current.errno in _OUT_OF_SPACE:
            return True
        if any(phrase in str(current).lower() for phrase in _PHRASES):
            return True
        current = current.__cause__ or current.__context__
    return False


def is_full(folder: Path) -> bool:
    """Whether hardly anything more can be written there."""
    try:
        return shutil.disk_usage(folder).free < FULL_BYTES
    except OSError:
        return False
