"""What a source holds, as a flat list of files whatever it came from. The executor uses it too, so it stays light."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.secrecy import shown_address
from reconstruction_api.source import Source
from reconstruction_api.stages import digest

from ..workspace import is_workspace
from .limits import DEFAULT_LIMITS, Limits

_NOT_PHOTOS = frozenset(
    {
        "__macosx", "thumbs.db", "desktop.ini", "lost+found", "lost.dir", "system volume information",
        "$recycle.bin", "recycler", "#recycle", "@recycle", "#snapshot", "@eadir", "@recently-snapshot",
    }
)  # fmt: skip
"""What operating systems, memory cards and network storage (Synology, QNAP) leave beside people's files."""


@dataclass(frozen=True)
class SourceFile:
    """A file of the source: its name there (relative, with `/`), where it can be read now, and its size in bytes. Of a
    name that is not UTF-8 the bytes that are not become question marks."""

    name: str
    path: Path
    size: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", _as_text(self.name))


def describe(source: Source) -> str:
    """The source in the user's words, without credentials that an address may carry."""
    if source.job_ref is not None:
        return f"job '{source.job_ref.name}'"
    if source.persistent_volume_claim is not None:
        claim = source.persistent_volume_claim
        return f"'{claim.path}' on claim '{claim.claim_name}'" if claim.path else f"claim '{claim.claim_name}'"
    return f"'{shown_address(source.uri or '')}'"


def relevant(name: str) -> bool:
    """Whether a file may matter: hidden files and what operating systems leave behind do not."""
    return not any(part.startswith(".") or part.lower() in _NOT_PHOTOS for part in name.split("/"))


@contextmanager
def access_to(shown_as: str) -> Iterator[None]:
    """What the file system forbids becomes SourceAccessDenied. `shown_as` is the user's name for the file or folder."""
    try:
        yield
    except PermissionError as error:
        raise _denied(shown_as) from error


def list_folder(folder: Path, limits: Limits = DEFAULT_LIMITS) -> list[SourceFile]:
    """All files below a folder, ordered by name. Links that lead out of the folder are left out, and so are results of
    earlier runs. Raises FileTooLarge when there are too many, SourceAccessDenied for what may not be read in it, and
    PermissionError when that is the folder itself."""
    files: list[SourceFile] = []
    for file in _walk(folder):
        files.append(file)
        if len(files) > limits.files:
            raise ReconstructionError(
                "FileTooLarge",
                f"The source holds more than {limits.files} files.",
                suggestion="Point spec.source to the folder that holds the photos of this job only.",
            )
    return sorted(files, key=lambda file: file.name)


def identity(source: Path, limits: Limits = DEFAULT_LIMITS) -> str | None:
    """Digest of the names, sizes and times of a folder's files, or of an archive; None when nothing is there.
    Raises what `list_folder` raises."""
    if source.is_dir():
        return digest([[file.name, file.size, file.path.stat().st_mtime_ns] for file in list_folder(source, limits)])
    if source.is_file():
        status = source.stat()
        return digest([source.name, status.st_size, status.st_mtime_ns])
    return None


def _walk(folder: Path) -> Iterator[SourceFile]:
    root = folder.resolve()
    for parent, folders, names in os.walk(root, onerror=partial(_not_listed, root)):
        folders[:] = [name for name in folders if relevant(name) and not is_workspace(Path(parent, name))]
        for entry in names:
            path = Path(parent, entry)
            name = path.relative_to(root).as_posix()
            # Links within the source are fine: Kubernetes itself mounts files that way.
            target = path.resolve()
            if not relevant(name) or not target.is_relative_to(root):
                continue
            with access_to(_as_text(name)):
                size = target.stat().st_size if target.is_file() else None
            if size is not None:
                yield SourceFile(name, target, size)


def _not_listed(root: Path, error: OSError) -> None:
    """Of a folder that can't be listed; one that was removed meanwhile is left out."""
    name = Path(error.filename).relative_to(root).as_posix()
    if isinstance(error, PermissionError) and name != ".":
        raise _denied(f"{_as_text(name)}/") from error
    if not isinstance(error, FileNotFoundError):
        raise error


def _denied(shown_as: str) -> ReconstructionError:
    return ReconstructionError(
        "SourceAccessDenied",
        f"{shown_as} can't be read: permission denied.",
        suggestion="Let the user that the worker runs as read it, or take it out of the source.",
    )


def _as_text(name: str) -> str:
    return name.encode("utf-8", "replace").decode()
