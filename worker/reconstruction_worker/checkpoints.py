"""The training's checkpoints as the operator hears of them, and whether they are still kept."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from reconstruction_api.stages import StageName
from reconstruction_api.worker import Checkpoint

from .records import read_record
from .side_by_side.workspaces import engine_workspaces
from .stage import folder_of

SHOWN: Final = 5
_NAME: Final = re.compile(r"step-(\d{6,})\.ckpt")


def checkpoints_in(workspace: Path) -> list[Checkpoint]:
    """The latest ones that are whole, oldest first; of several engines so many of each that all have some. Cheap: no
    checkpoint is opened."""
    folders = [folder_of_checkpoints(each) for each in engine_workspaces(workspace)] or [
        folder_of_checkpoints(workspace)
    ]
    known: list[Checkpoint | None] = []
    for folder in folders:
        found = [(int(match[1]), path) for path in folder.glob("*.ckpt") if (match := _NAME.fullmatch(path.name))]
        most = max(SHOWN // len(folders), 1)
        known += [_checkpoint(workspace, step, path) for step, path in sorted(found)[-most:]]
    return [checkpoint for checkpoint in known if checkpoint is not None]


def folder_of_checkpoints(workspace: Path) -> Path:
    """Where they are, the trained model among them."""
    return folder_of(workspace, StageName.TRAIN) / "checkpoints"


def were_removed(workspace: Path) -> bool:
    """Whether the training has left checkpoints, and none of them is there any more (spec.retention)."""
    record, folder = read_record(workspace, StageName.TRAIN), folder_of_checkpoints(workspace)
    if record is None:
        return False
    left = [path for output in record.outputs if (path := workspace / output.path).is_relative_to(folder)]
    return bool(left) and not any(path.is_file() for path in left)


def _checkpoint(workspace: Path, step: int, file: Path) -> Checkpoint | None:
    try:
        size, checksum = file.stat().st_size, file.with_suffix(".ckpt.sha256").read_text().strip()
    except OSError:  # removed in this moment, to keep the latest only
        return None
    return Checkpoint(name=file.relative_to(workspace).as_posix(), step=step, size_bytes=size, sha256=checksum)
