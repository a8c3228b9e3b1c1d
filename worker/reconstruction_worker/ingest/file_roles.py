"""What a file beside the photos is for, recognised by the names that capture tools and other reconstruction tools give.

Folders: nerfstudio (`masks`, `masks_2`, `images_2`), NeuS (`mask`), Polycam (`depth`, `confidence`). Files beside their
photo: `NAME_mask` (3DGRUT and many scripts), `NAME.mask` (RealityCapture), `dynamic_mask_NAME` (instant-ngp, where
white is what moves), `NAME.depth` and `NAME.conf` (Record3D). Every name counts in any case.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final

from .formats import meant_as_photo

_FOLDERS: Final = {
    "mask": re.compile(r"masks?|masks?_\d+"),
    "depth": re.compile(r"depths?|depths?_\d+"),
    "image": re.compile(r"images?_\d+"),
}
_SCALED: Final = re.compile(r"([a-z]+?)s?_(\d+)")
_CONFIDENCES: Final = frozenset({"conf", "confidence", "confidences"})
_THUMBNAILS: Final = frozenset({"thumbs", "thumbnails", "thumbnail", "thumb"})
_THUMBNAIL_NAMES: Final = frozenset({"thumb", "thumbnail", "icon"})
_BESIDE: Final = (
    (re.compile(r"dynamic_mask_(.+)"), "inverted mask"),
    (re.compile(r"(.+)[_.]mask"), "mask"),
    (re.compile(r"mask_(.+)"), "mask"),
    (re.compile(r"(.+)_depth"), "depth"),
    (re.compile(r"depth_(.+)"), "depth"),
    (re.compile(r"(.+)_(?:normal|normals|conf|confidence)"), "map"),
)


class Role(StrEnum):
    CANDIDATE = "candidate"
    """A photo or video, if its content is one; anything, if not."""
    MASK = "mask"
    INVERTED_MASK = "inverted mask"
    """White where nothing is to be seen."""
    DEPTH = "depth"
    MAP = "map"
    """Another picture of numbers: confidence, normals."""
    COPY = "copy"
    """A smaller copy of what is in another folder."""
    THUMBNAIL = "thumbnail"


@dataclass(frozen=True)
class Placed:
    """A file's role, and the name of the photo that it stands beside where its own name says so."""

    role: Role
    beside: str | None = None


_RECORD3D: Final = {".depth": Role.DEPTH, ".conf": Role.MAP}
"""Beside their photo, as suffixes of its name."""


class FileRoles:
    """Roles of the files of one source, whose `names` are paths in it."""

    def __init__(self, names: Sequence[str]):
        self._folders = {part.lower() for name in names for part in PurePosixPath(name).parts[:-1]}
        self._photos = {key for name in names if meant_as_photo(name) for key in _photo_keys(name)}
        self._counts = self._scales(names)

    def of(self, name: str) -> Placed:
        path = PurePosixPath(name)
        folders = [part.lower() for part in path.parts[:-1]]
        for folder in folders:
            if _FOLDERS["mask"].fullmatch(folder):
                return Placed(Role.COPY if self._is_copy(folder) else Role.MASK)
            if _FOLDERS["depth"].fullmatch(folder):
                return Placed(Role.COPY if self._is_copy(folder) else Role.DEPTH)
        if _CONFIDENCES.intersection(folders):
            return Placed(Role.MAP)
        if any(_FOLDERS["image"].fullmatch(folder) and self._is_copy(folder) for folder in folders):
            return Placed(Role.COPY)
        if _THUMBNAILS.intersection(folders) or path.stem.lower() in _THUMBNAIL_NAMES or _suffix(path) == ".thm":
            return Placed(Role.THUMBNAIL)
        if path.stem.lower() == "mask" and meant_as_photo(name):
            return Placed(Role.MASK)  # one for every photo
        if _suffix(path) in _RECORD3D and f"{path.parent / path.stem}".lower() in self._photos:
            return Placed(_RECORD3D[_suffix(path)], str(path.parent / path.stem))
        if _suffix(path) == ".lrf":  # DJI's small copy of a video
            return Placed(Role.COPY)
        return self._beside(path)

    def _beside(self, path: PurePosixPath) -> Placed:
        for pattern, role in _BESIDE:
            found = pattern.fullmatch(path.stem.lower())
            if found is None:
                continue
            photo = path.stem[found.start(1) : found.end(1)]
            if str(path.parent / photo).lower() in self._photos:
                return Placed(Role(role), str(path.parent / photo))
        return Placed(Role.CANDIDATE)

    def _is_copy(self, folder: str) -> bool:
        """Whether a folder such as `masks_4` repeats in small what another one holds."""
        scaled = _SCALED.fullmatch(folder)
        if scaled is None:
            return False
        kind, scale = scaled[1], int(scaled[2])
        return bool({kind, f"{kind}s"} & self._folders) or (kind != "image" and scale > min(self._counts[kind]))

    def _scales(self, names: Collection[str]) -> dict[str, set[int]]:
        result: dict[str, set[int]] = {}
        for folder in self._folders:
            if scaled := _SCALED.fullmatch(folder):
                result.setdefault(scaled[1], set()).add(int(scaled[2]))
        return result


def is_mask_folder(name: str) -> bool:
    return _FOLDERS["mask"].fullmatch(name.lower()) is not None


def is_depth_folder(name: str) -> bool:
    return _FOLDERS["depth"].fullmatch(name.lower()) is not None


def _photo_keys(name: str) -> tuple[str, str]:
    path = PurePosixPath(name)
    return str(path.parent / path.stem).lower(), name.lower()


def _suffix(path: PurePosixPath) -> str:
    return path.suffix.lower()
