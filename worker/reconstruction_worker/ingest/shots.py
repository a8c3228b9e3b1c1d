"""Cameras that store a shot twice: the sensor's own data beside a developed photo, or HEIC beside JPEG."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from pathlib import PurePosixPath
from typing import Final

from .formats import Kind
from .listing import SourceFile

_SEPARATE: Final = frozenset({"raw", "raws", "dng", "arw", "cr2", "cr3", "nef", "jpg", "jpeg", "jpegs", "heic", "heif"})
"""Folders into which people and cameras sort the files of one shot by their format."""
_PREFERRED: Final = (Kind.JPEG, Kind.HEIC, Kind.RAW)
"""The camera's own development comes first: it is what the photographer saw, and it is quick to read."""


def second_files(photos: Sequence[tuple[SourceFile, Kind]], named: AbstractSet[str]) -> dict[str, str]:
    """Names of files that show the same shot as another file, each with the name of the one to keep: of several the one
    that is in `named`, the photos that poses name."""
    shots: dict[str, list[tuple[SourceFile, Kind]]] = defaultdict(list)
    for file, kind in photos:
        if kind in _PREFERRED:
            shots[_shot(file.name)].append((file, kind))
    result: dict[str, str] = {}
    for files in shots.values():
        kinds = [kind for _, kind in files]
        if len(files) < 2 or len(set(kinds)) != len(kinds):
            continue  # one file alone, or two that differ in more than their format
        kept, *others = sorted(files, key=lambda item: (item[0].name not in named, _PREFERRED.index(item[1])))
        result.update({file.name: kept[0].name for file, _ in others})
    return result


def _shot(name: str) -> str:
    path = PurePosixPath(name.casefold())
    folders = [part for part in path.parts[:-1] if part not in _SEPARATE]
    return str(PurePosixPath(*folders, path.stem))
