"""Masks and depth maps: which photo of the source each belongs to."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from .listing import SourceFile

_PHOTO_FOLDERS: Final = frozenset({"images", "image", "corrected_images", "rgb"})
"""Where tools put the photos beside the folders of their companions."""


class PhotoNames:
    """Names of all photos of a source, to tell those that several of them share."""

    def __init__(self, names: Collection[str]):
        self.shared_paths: AbstractSet[str] = _shared(names, _plain_paths)
        self.shared_names: AbstractSet[str] = _shared(names, _last_parts)
        self.shared_in_any_case: AbstractSet[str] = _shared(names, lambda name: map(any_case, _plain_paths(name)))


@dataclass(frozen=True)
class Companion:
    """A file that belongs to a photo. `stands_at` is the path that it goes by instead of its own, where its name says
    which photo it stands beside."""

    file: SourceFile
    stands_at: str | None = None

    @property
    def place(self) -> str:
        return self.stands_at or self.file.name


class Companions:
    """Files that belong to photos. The first of these that fits a photo counts: what the poses name for it (`named`, by
    the photo's name); the file at the path of its photo but for a folder such as `masks`, the photos' folder `images`,
    and the suffix (`photo.png` or `photo.jpg.png`); elsewhere, where only one photo has its name; the same in another
    case or Unicode form; the one file for all photos."""

    def __init__(
        self,
        companions: Collection[Companion] = (),
        in_folder: Callable[[str], bool] = lambda part: False,
        named: Mapping[str, SourceFile] | None = None,
        for_all: SourceFile | None = None,
    ):
        self._named = dict(named or {})
        self._for_all = for_all
        self._by_path = {_stemmed(_without(item.place, in_folder)): item.file for item in companions}
        uses = Counter(PurePosixPath(item.place).stem for item in companions)
        stems = {PurePosixPath(item.place).stem: item.file for item in companions}
        self._by_name = {stem: file for stem, file in stems.items() if uses[stem] == 1}
        self._by_any_case = _unique(self._by_path)

    @property
    def files(self) -> list[SourceFile]:
        """Of several that would belong to the same photo, one."""
        every = [*self._named.values(), *self._by_path.values(), *([self._for_all] if self._for_all else [])]
        return list({file.name: file for file in every}.values())

    def of(self, photo: SourceFile, photos: PhotoNames) -> SourceFile | None:
        """The file that belongs to a photo."""
        if photo.name in self._named:
            return self._named[photo.name]
        for key in (_stemmed(photo.name), photo.name):
            if key in self._by_path:
                return self._by_path[key]
        for key in _plain_paths(photo.name):
            if key in self._by_path and key not in photos.shared_paths:
                return self._by_path[key]
        for key in _last_parts(photo.name):
            if key in self._by_name and key not in photos.shared_names:
                return self._by_name[key]
        for key in map(any_case, (_stemmed(photo.name), photo.name, *_plain_paths(photo.name))):
            if key in self._by_any_case and key not in photos.shared_in_any_case:
                return self._by_any_case[key]
        return self._for_all


def any_case(name: str) -> str:
    """What two names have in common that people take for the same: case and Unicode's composed and decomposed forms."""
    return unicodedata.normalize("NFC", name).casefold()


def _unique(files: Mapping[str, SourceFile]) -> dict[str, SourceFile]:
    uses = Counter(map(any_case, files))
    return {any_case(name): file for name, file in files.items() if uses[any_case(name)] == 1}


def _shared(names: Iterable[str], keys: Callable[[str], Iterable[str]]) -> set[str]:
    """Keys of more than one photo; two files beside each other that differ in their suffix are the same photo."""
    photos: dict[str, set[str]] = defaultdict(set)
    for name in names:
        for key in keys(name):
            photos[key].add(_stemmed(name))
    return {key for key, found in photos.items() if len(found) > 1}


def _plain_paths(name: str) -> tuple[str, str]:
    plain = _without(name, lambda part: part.lower() in _PHOTO_FOLDERS)
    return _stemmed(plain), plain


def _last_parts(name: str) -> tuple[str, str]:
    path = PurePosixPath(name)
    return path.stem, path.name


def _without(name: str, left_out: Callable[[str], bool]) -> str:
    path = PurePosixPath(name)
    return str(PurePosixPath(*[part for part in path.parts[:-1] if not left_out(part)], path.name))


def _stemmed(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))
