"""What a file beside the photos is for, recognised by the names that capture tools and other reconstruction tools give.

Folders: nerfstudio (`masks`, `masks_2`, `images_2`), NeuS (`mask`), Polycam (`depth`, `confidence`), ScanNet++
(`resized_anon_masks`), and those of many scripts (`sam_masks`, `dynamic_masks`, `normals`, `sensor_depth`).
Beside their photo: `NAME_mask` (3DGRUT and many scripts), `NAME.mask` (RealityCapture), `dynamic_mask_NAME` (white is
what moves: instant-ngp), `NAME.depth` and `NAME.conf` (Record3D). Every name counts in any case.
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
_KINDS: Final = (
    (re.compile(r"(?:dynamic|motion|moving|sky|invalid)[_-]?masks?"), "inverted mask"),
    (
        re.compile(
            r"(?:(?:resized|original)_)?(?:anon|object|obj|sam\d?|seg|segmentation|image|img|foreground|fg|binary)[_-]?masks?"
            r"|(?:alphas?|mattes?|silhouettes?)"
        ),
        "mask",
    ),
    (re.compile(r"(?:sensor|lidar|aligned)_depths?|depth[_-]?(?:maps?|images?|pngs?)"), "depth"),
    (
        re.compile(
            r"normals?|normal[_-]?maps?|normals_from_\w+|(?:mono|pred)_?(?:depths?|normals?)|disparit(?:y|ies)"
            r"|semantics?|semantic_(?:maps?|labels?)|segmentations?|albedos?|optical_?flows?|flows?|uncertaint(?:y|ies)"
        ),
        "map",
    ),
)
"""Folders of datasets and scripts, whose names may also be those of what is photographed: they count where a photo
elsewhere has the same name as the file. What a network has guessed of depths has no scale."""
_SCALED: Final = re.compile(r"([a-z]+?)s?_(\d+)")
_CONFIDENCES: Final = frozenset({"conf", "confidence", "confidences"})
_THUMBNAILS: Final = frozenset({"thumbs", "thumbnails", "thumbnail", "thumb"})
_THUMBNAIL_NAMES: Final = frozenset({"thumb", "thumbnail", "icon"})
_BESIDE: Final = (
    (re.compile(r"dynamic_mask_(.+)"), "inverted mask"),
    (re.compile(r"(.+)[-_. ]masks?"), "mask"),
    (re.compile(r"masks?[-_](.+)"), "mask"),
    (re.compile(r"(.+)_(?:alpha|matte|silhouette)"), "mask"),
    (re.compile(r"(.+)[-_. ]depth(?:[-_]?map)?"), "depth"),
    (re.compile(r"depth[-_](.+)"), "depth"),
    (re.compile(r"(.+)[-_](?:normals?|conf|confidence|disp|disparity|semantics?|segmentation|albedo)"), "map"),
)


_NUMBERED: Final = re.compile(r"(depth|conf)_(\d+)")
"""3D Scanner App's, beside `frame_N`."""


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
        self._elsewhere = {
            PurePosixPath(name).stem.lower()
            for name in names
            if meant_as_photo(name) and not any(_kind_of_folder(part) for part in PurePosixPath(name).parts[:-1])
        }

    def of(self, name: str) -> Placed:
        path = PurePosixPath(name)
        folders = [part.lower() for part in path.parts[:-1]]
        for folder in folders:
            if _FOLDERS["mask"].fullmatch(folder):
                return Placed(Role.COPY if self._is_copy(folder) else Role.MASK)
            if _FOLDERS["depth"].fullmatch(folder):
                return Placed(Role.COPY if self._is_copy(folder) else Role.DEPTH)
        for folder in folders:
            if (kind := _kind_of_folder(folder)) and self._shows_a_photo(path):
                return Placed(Role(kind))
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
        if numbered := _NUMBERED.fullmatch(path.stem.lower()):
            photo = str(path.parent / f"frame_{numbered[2]}")
            if photo.lower() in self._photos:
                return Placed(Role.DEPTH if numbered[1] == "depth" else Role.MAP, photo)
        for pattern, role in _BESIDE:
            found = pattern.fullmatch(path.stem.lower())
            if found is None:
                continue
            photo = path.stem[found.start(1) : found.end(1)]
            if str(path.parent / photo).lower() in self._photos:
                return Placed(Role(role), str(path.parent / photo))
        return Placed(Role.CANDIDATE)

    def _shows_a_photo(self, path: PurePosixPath) -> bool:
        """Whether a photo elsewhere has the file's name, with or without its own suffix (`a.jpg.png`)."""
        stem = path.stem.lower()
        return stem in self._elsewhere or PurePosixPath(stem).stem in self._elsewhere

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
    kind = _kind_of_folder(name.lower())
    return _FOLDERS["mask"].fullmatch(name.lower()) is not None or kind in (Role.MASK, Role.INVERTED_MASK)


def is_depth_folder(name: str) -> bool:
    return _FOLDERS["depth"].fullmatch(name.lower()) is not None or _kind_of_folder(name.lower()) == Role.DEPTH


def _kind_of_folder(name: str) -> str | None:
    return next((kind for pattern, kind in _KINDS if pattern.fullmatch(name.lower())), None)


def _photo_keys(name: str) -> tuple[str, str]:
    path = PurePosixPath(name)
    return str(path.parent / path.stem).lower(), name.lower()


def _suffix(path: PurePosixPath) -> str:
    return path.suffix.lower()
