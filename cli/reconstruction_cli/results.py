"""Puts what a job delivered where the user looks: beside the workspace, under stable names."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from reconstruction_api.documents.manifest import FILE as MANIFEST_FILE
from reconstruction_api.stages import StageName
from reconstruction_worker.artifacts import recorded_files
from reconstruction_worker.files import write_atomically
from reconstruction_worker.records import read_record


def deliver(workspace: Path, out: Path, *, bundled: bool = False) -> list[Path]:
    """Make the workspace's artifacts appear in `out` (as hard links where possible), and what an earlier run delivered
    and this one does not disappear. Returns the files in `out`.

    The earlier manifest goes first, the new one comes last: whenever this is killed, a manifest lists only files that
    are there.
    """
    files = _artifacts(workspace, bundled=bundled)
    (out / MANIFEST_FILE).unlink(missing_ok=True)
    for stale in _delivered_before(workspace) - files.keys():
        (out / stale).unlink(missing_ok=True)
    for name, path in sorted(files.items(), key=lambda item: item[0] == MANIFEST_FILE):
        _place(path, out / name)
    write_atomically(_list_path(workspace), json.dumps(list(files)))
    return [out / name for name in files]


def _artifacts(workspace: Path, *, bundled: bool) -> dict[str, Path]:
    """Where each file is, by its name."""
    names = (StageName.REPORT, StageName.BUNDLE) if bundled else (StageName.REPORT,)
    records = [record for name in names if (record := read_record(workspace, name)) is not None]
    return {name: workspace / output.path for name, output in recorded_files(records).items()}


def _place(source: Path, target: Path) -> None:
    if target.exists() and target.samefile(source):  # renaming one link of a file to another would leave both
        return
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
