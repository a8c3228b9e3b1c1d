"""Puts what a job delivered where the user looks: beside the workspace, under stable names."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from reconstruction_worker.files import write_atomically


def deliver(workspace: Path, out: Path) -> list[Path]:
    """Make the workspace's artifacts appear in `out` (as hard links where possible), and what an earlier run delivered
    and this one does not disappear. Returns the files in `out`."""
    artifacts = sorted(path for path in (workspace / "artifacts").rglob("*") if path.is_file())
    names = [path.relative_to(workspace / "artifacts") for path in artifacts]
    for stale in _delivered_before(workspace) - {name.as_posix() for name in names}:
        (out / stale).unlink(missing_ok=True)
    for path, name in zip(artifacts, names, strict=True):
        _place(path, out / name)
    write_atomically(_list_path(workspace), json.dumps([name.as_posix() for name in names]))
    return [out / name for name in names]


def _place(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.new")
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, temporary)
    temporary.replace(target)


def _delivered_before(workspace: Path) -> set[str]:
    try:
        return set(json.loads(_list_path(workspace).read_text()))
    except FileNotFoundError:
        return set()


def _list_path(workspace: Path) -> Path:
    return workspace / "stages" / "delivered.json"
