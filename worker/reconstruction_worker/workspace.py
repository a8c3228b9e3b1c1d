"""The folder that a job's stages share: one run at a time, and room to write."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from reconstruction_api.errors import ReconstructionError

LOCK_PATIENCE_SECONDS: Final = 15.0
"""How long to wait for the lock: a run that was just killed takes a moment to let go."""
MIN_FREE_BYTES: Final = 256 * 2**20
LOCK_NAME: Final = ".reconstruction-lock"


def is_workspace(folder: Path) -> bool:
    """Whether a folder is a workspace, or the results folder around one; not where this may not be looked up."""
    try:
        return (folder / LOCK_NAME).exists() or (folder / "workspace" / LOCK_NAME).exists()
    except PermissionError:
        return False


@contextlib.contextmanager
def locked(workspace: Path, patience_seconds: float = LOCK_PATIENCE_SECONDS) -> Iterator[int]:
    """Hold the workspace alone; yields the lock's file descriptor. Raises WorkspaceBusy."""
    workspace.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(workspace / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        deadline = time.monotonic() + patience_seconds
        while not _try_lock(descriptor):
            if time.monotonic() >= deadline:
                raise ReconstructionError("WorkspaceBusy", "Another run is using the same workspace.")
            time.sleep(0.1)
        yield descriptor
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        # A file system without locks: Kubernetes still runs one pod of a job at a time.
        if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP):
            raise
    return True


def check_space(workspace: Path, what: str, needed: int = MIN_FREE_BYTES) -> None:
    """Raises DiskFull before something is written that there is no room for; `what` is a stage, or a source."""
    free = shutil.disk_usage(workspace).free
    if free < needed:
        raise ReconstructionError(
            "DiskFull",
            f"The workspace has {readable(free)} left; {what} needs about {readable(needed)}.",
            details={"freeBytes": free, "neededBytes": needed},
        )


def readable(size: int) -> str:
    """A number of bytes for people."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size // 2**20} MiB"
