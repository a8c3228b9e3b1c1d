"""Masks and depth maps: which photo of the source each belongs to."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from collections.abc import Set as AbstractSet
from pathlib import PurePosixPath
from typing import Final

from .listing import SourceFile

_PHOTO_FOLDER: Final = frozenset({"images"})


class PhotoNames:
    """Names of all photos of a source, to tell those that several of them share."""

    def __init__(self, names: Collection[str]):
        self.shared_paths: AbstractSet[str] = _shared(names, _plain_paths)
        self.shared_names: AbstractSet[str] = _shared(names, _last_parts)


class Companions:
    """Files that belong to photos, each at the path of its photo but for a folder such as `masks`, the photos' folder
    `images`, and the suffix (`photo.png` or `photo.jpg.png`); elsewhere, where only one photo has its name."""

    def __init__(self, files: Collection[SourceFile] = (), folders: AbstractSet[str] = frozenset()):
        self._by_path = {_stemmed(_without(file.name, folders)): file for file in files}
        uses = Counter(PurePosixPath(file.name).stem for file in files)
        self._by_name = {stem: file for file in files if uses[stem := PurePosixPath(file.name).stem] == 1}

    @property
    def files(self) -> list[SourceFile]:
        """Of several that would belong to the same photo, one."""
        return list(self._by_path.values())

    def of(self, photo: SourceFile, photos: PhotoNames) -> SourceFile | None:
        """The file that belongs to a photo."""
        for key in (_stemmed(photo.name), photo.name):
            if key in self._by_path:
                return self._by_path[key]
        for key in _plain_paths(photo.name):
            if key in self._by_path and key not in photos.shared_paths:
                return self._by_path[key]
        for key in _last_parts(photo.name):
            if key in self._by_name and key not in photos.shared_names:
                return self._by_name[key]
        return None


def _shared(names: Iterable[str], keys: Callable[[str], Iterable[str]]) -> set[str]:
    """Keys of more than one photo; two files beside each other that differ in their suffix are the same photo."""
    photos: dict[str, set[str]] = defaultdict(set)
    for name in names:
        for key in keys(name):
            photos[key].add(_stemmed(name))
    return {key for key, found in photos.items() if len(found) > 1}


def _plain_paths(name: str) -> tuple[str, str]:
    plain = _without(name, _PHOTO_FOLDER)
    return _stemmed(plain), plain


def _last_parts(name: str) -> tuple[str, str]:
    path = PurePosixPath(name)
    return path.stem, path.name


def _without(name: str, folders: AbstractSet[str]) -> str:
    path = PurePosixPath(name)
    return str(PurePosixPath(*[part for part in path.parts[:-1] if part not in folders], path.name))


def _stemmed(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))
