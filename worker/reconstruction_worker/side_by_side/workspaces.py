"""Where the results of each engine are: `engines/NAME/`, a workspace with the shared stages' results linked into it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from reconstruction_api.documents.engines import FOLDER
from reconstruction_api.live_view import FOLDER as LIVE_FOLDER
from reconstruction_api.stages import StageName

from ..files import write_atomically
from ..records import read_record
from ..stage import folder_of
from ..stage_files import ORIGINALS

SHARED: Final = (StageName.INGEST, StageName.POSES)
"""Stages whose results all engines work on."""
APART: Final = (StageName.TRAIN, StageName.MESH, StageName.TEXTURE, StageName.EVALUATE, StageName.EXPORT)
"""Stages that run once for each engine."""


def workspace_of(workspace: Path, engine: str) -> Path:
    """Of one engine."""
    return workspace / FOLDER / engine


def prepared(workspace: Path, engine: str) -> Path:
    """That workspace, with what is shared in it as it is now."""
    own = workspace_of(workspace, engine)
    (own / "stages").mkdir(parents=True, exist_ok=True)
    (workspace / LIVE_FOLDER).mkdir(exist_ok=True)
    for name in (*(stage.value for stage in SHARED), ORIGINALS, LIVE_FOLDER):
        _share(workspace / name, own / name)
    for stage in SHARED:
        record = Path("stages") / f"{stage}.json"
        if (workspace / record).is_file():
            write_atomically(own / record, (workspace / record).read_text(encoding="utf-8"))
    return own


def trained_beside(own: Path, engine: str) -> Path | None:
    """Where another engine of the same job has left what it trained, for the engine that `own` is the workspace of;
    None of one that has not finished, is not among the job's, or where the job has no other."""
    workspace = own.parent / engine
    if own.parent.name != FOLDER or read_record(workspace, StageName.TRAIN) is None:
        return None
    return folder_of(workspace, StageName.TRAIN)


def engine_workspaces(workspace: Path) -> list[Path]:
    """Those that are there, ordered by name."""
    folder = workspace / FOLDER
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def with_those_of_engines(workspace: Path) -> list[Path]:
    """A workspace, and those of the engines in it."""
    return [workspace, *engine_workspaces(workspace)]


def promote(own: Path, workspace: Path, stages: Iterable[StageName]) -> None:
    """Let an engine's files of these stages be the job's: as hard links where the file system has them."""
    for stage in stages:
        target = folder_of(workspace, stage)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder_of(own, stage), target, copy_function=_linked)


def link(source: Path, target: Path) -> None:
    """The same file under another name, or a copy of it."""
    _linked(str(source), str(target))


def _linked(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
    return target


def _share(source: Path, target: Path) -> None:
    """As a link that also works where the volume is mounted elsewhere; a copy where the volume has no links."""
    if target.is_symlink():
        return
    shutil.rmtree(target, ignore_errors=True)
    if not source.is_dir():
        return
    try:
        target.symlink_to(os.path.relpath(source, target.parent), target_is_directory=True)
    except OSError:
        shutil.copytree(source, target)
