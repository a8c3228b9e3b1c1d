"""The results of `recon run`, finished or on their way."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from reconstruction_api.documents.engines import FOLDER as ENGINES
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.live_view import CURVE, FOLDER, HISTORY, PICTURE, WANTED
from reconstruction_api.stages import STAGES, StageName

from .viewed import REPORT, Moment

_PART: Final = 1 << 18
_LOCK: Final = ".reconstruction-lock"
_MOST_LINES: Final = 600


class Folder:
    """A results folder, with the workspace in it, or a workspace, or a folder of downloaded results."""

    def __init__(self, folder: Path):
        """Raises ArtifactsNotReady for a folder that is neither."""
        inner = folder / "workspace"
        self._workspace = inner if (inner / "stages").is_dir() or (inner / _LOCK).exists() else folder
        self._title = (folder.resolve().parent if folder.name == "workspace" else folder.resolve()).name
        self._files = folder
        if not (folder / REPORT).is_file():
            self._files = self._workspace / "artifacts"
        if not (self._workspace / _LOCK).exists() and not (self._files / REPORT).is_file():
            raise ReconstructionError(
                "ArtifactsNotReady",
                f"{folder} holds neither a report nor the workspace of a run.",
                suggestion="Name the folder that `recon run` or `recon download` has written, such as out/NAME.",
            )

    def moment(self) -> Moment:
        running = _is_locked(self._workspace / _LOCK)
        done = [stage for stage in STAGES if (self._workspace / "stages" / f"{stage.name}.json").is_file()]
        reported = (self._files / REPORT).is_file() and not running
        if reported:
            return Moment(self._title, report=True)
        if not running:
            return Moment(self._title, ended="Nothing runs here, and there is no report. Run `recon run` again.")
        stage = next((each for each in STAGES if each not in done), STAGES[-1])
        training = stage.name is StageName.TRAIN
        self._ask_for_pictures(training)
        history = read_history(self._history) if training or len(done) > 2 else []
        return Moment(
            title=self._title,
            stage=stage.title,
            message=f"{len(done)} of {len(STAGES)} stages done",
            history=history,
            picture=_version(self._picture) if training else "",
        )

    def picture(self) -> bytes:
        try:
            return self._picture.read_bytes()
        except OSError:
            return b""

    def names(self) -> list[str]:
        folders = [self._files, *sorted((self._files / ENGINES).glob("*/"))]
        files = [path for folder in folders if folder.is_dir() for path in folder.iterdir() if path.is_file()]
        return [path.relative_to(self._files).as_posix() for path in files]

    def read(self, name: str) -> Iterator[bytes]:
        with (self._files / name).open("rb") as file:
            while part := file.read(_PART):
                yield part

    @property
    def _history(self) -> Path:
        """Of several engines that of the one that trains, or was the last to."""
        own = Path(StageName.TRAIN) / HISTORY
        written = [
            path for path in (self._workspace / own, *self._workspace.glob(f"{ENGINES}/*/{own}")) if path.exists()
        ]
        return max(written, key=lambda path: path.stat().st_mtime, default=self._workspace / own)

    @property
    def _picture(self) -> Path:
        return self._workspace / FOLDER / PICTURE

    def _ask_for_pictures(self, training: bool) -> None:
        """The training makes them for as long as somebody asks."""
        if training:
            (self._workspace / FOLDER).mkdir(exist_ok=True)
            (self._workspace / FOLDER / WANTED).touch()


def read_history(file: Path) -> list[list[float | None]]:
    """The numbers of `CURVE`, of some of the lines where there are many."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    return curve(lines)


def curve(lines: list[str]) -> list[list[float | None]]:
    """The same, of lines of `history.jsonl`; the last may be cut off."""
    found: list[list[float | None]] = []
    for line in lines:
        try:
            document: dict[str, Any] = json.loads(line)
        except ValueError:
            continue
        found.append([document.get(name) for name in CURVE])
    step = -(-len(found) // _MOST_LINES) if found else 1
    return [line for index, line in enumerate(found) if index % step == 0 or line[3] is not None]


def _version(file: Path) -> str:
    try:
        return str(file.stat().st_mtime_ns)
    except OSError:
        return ""


def _is_locked(file: Path) -> bool:
    """Whether a run holds the workspace."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False
