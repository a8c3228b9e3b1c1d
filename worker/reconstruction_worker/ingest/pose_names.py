"""Which photos the poses beside them name, and the masks and depth maps that they name with them.

Only names are read here, and leniently: what is wrong with a file is told when its poses are read.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any, Final

from .formats import BLENDER_SPLITS, TRANSFORMS
from .listing import SourceFile
from .pose_files import PoseFiles, PoseFormat
from .text_files import read_text

_PHOTO_FOLDERS: Final = ("images", "image", "rgb", "photos", "")
"""Beside a COLMAP model or one of its parents, the first that counts first: `images/` belongs to `sparse/0`."""
_MOST_BYTES: Final = 256 * 2**20


@dataclass(frozen=True)
class NamedPhoto:
    """Paths as a file of poses gives them; empty where it gives none."""

    path: str
    mask: str = ""
    depth: str = ""


@dataclass(frozen=True)
class NamedPhotos:
    """Photos of the source that poses name, and the companions that they name with them, by photo."""

    photos: frozenset[str] = frozenset()
    masks: Mapping[str, SourceFile] = field(default_factory=dict)
    depths: Mapping[str, SourceFile] = field(default_factory=dict)
    file: str = ""
    """That of the poses, for messages."""


def names_in(poses: PoseFiles) -> list[NamedPhoto]:
    """What poses name, in their order; empty for formats without names, and where nothing can be read."""
    try:
        return list(_names(poses))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, struct.error, IndexError):
        return []


def resolve(poses: PoseFiles, names: Sequence[NamedPhoto], photos: FileIndex, files: FileIndex) -> NamedPhotos:
    """The files of the source that names mean: `photos` for the photos, any of `files` for masks and depth maps."""
    folder = poses.folder
    found: dict[str, NamedPhoto] = {}
    for name in names:
        if photo := photos.find(name.path, folder):
            found.setdefault(photo.name, name)
    masks = {photo: file for photo, name in found.items() if name.mask and (file := files.find(name.mask, folder))}
    depths = {photo: file for photo, name in found.items() if name.depth and (file := files.find(name.depth, folder))}
    return NamedPhotos(frozenset(found), masks, depths, poses.main.name)


class FileIndex:
    """Files by their paths, with and without a suffix, and by the ends of them that only one file has."""

    def __init__(self, files: Sequence[SourceFile]):
        self._exact = {key: file for file in files for key in (_bare(file.name), file.name)}
        self._tails: dict[str, SourceFile | None] = {}
        for file in files:
            parts = PurePosixPath(file.name).parts
            for start in range(len(parts)):
                tail = str(PurePosixPath(*parts[start:]))
                for key in (tail, _bare(tail)):
                    self._tails[key] = None if key in self._tails else file

    def find(self, path: str, folder: str) -> SourceFile | None:
        """The file that `path` means in a file of poses in `folder`."""
        path = path.replace("\\", "/")
        for place in _places(path, folder):
            for key in (place, f"{place}."):
                if key in self._exact:
                    return self._exact[key]
        parts = [part for part in PurePosixPath(path).parts if part not in ("/", ".", "..")]
        for start in range(len(parts)):
            tail = str(PurePosixPath(*parts[start:]))
            for key in (tail, f"{tail}.", _bare(tail)):
                if (file := self._tails.get(key)) is not None:
                    return file
        return None


def _places(path: str, folder: str) -> Iterator[str]:
    """Where a path may lead that is relative to `folder`, or to the photos' folder of the project that it is in."""
    yield normpath(PurePosixPath(folder) / path)
    for parent in (PurePosixPath(folder), *PurePosixPath(folder).parents):
        for photos in _PHOTO_FOLDERS:
            yield normpath(parent / photos / path)


def _bare(name: str) -> str:
    """The path without its suffix, marked as such by a dot at its end."""
    return f"{PurePosixPath(name).with_suffix('')}."


def _names(poses: PoseFiles) -> Iterator[NamedPhoto]:
    if any(file.size > _MOST_BYTES for file in poses.files.values()):
        return
    match poses.format:
        case PoseFormat.TRANSFORMS:
            yield from _frames(poses.files[TRANSFORMS].path)
        case PoseFormat.BLENDER:
            for split in BLENDER_SPLITS:
                if split in poses.files:
                    yield from _frames(poses.files[split].path)
        case PoseFormat.POLYCAM:
            photos = "corrected_images" if poses.folder.endswith("corrected_cameras") else "images"
            for file in poses.files.values():
                stem = PurePosixPath(file.name).stem
                yield NamedPhoto(f"../{photos}/{stem}", depth=f"../depth/{stem}")
        case PoseFormat.REALITY_CAPTURE_SIDECARS | PoseFormat.ARKIT:
            for file in poses.files.values():
                yield NamedPhoto(f"/{PurePosixPath(file.name).with_suffix('')}")
        case PoseFormat.MESHROOM:
            yield from _placed_views(poses.main.path)
        case PoseFormat.COLMAP:
            if table := poses.files.get("images.bin"):
                yield from map(NamedPhoto, _binary_images(table.path.read_bytes()))
            else:
                yield from map(NamedPhoto, _text_images(read_text(poses.files["images.txt"].path)))
        case _:
            return


def _frames(path: Path) -> Iterator[NamedPhoto]:
    frames = json.loads(read_text(path)).get("frames", [])
    for frame in frames if isinstance(frames, list) else []:
        if isinstance(frame, dict) and _text(frame, "file_path"):
            yield NamedPhoto(_text(frame, "file_path"), _text(frame, "mask_path"), _text(frame, "depth_file_path"))


def _placed_views(path: Path) -> Iterator[NamedPhoto]:
    document = json.loads(read_text(path))
    placed = {str(pose.get("poseId")) for pose in document["poses"]}
    for view in document["views"]:
        if str(view.get("poseId")) in placed and _text(view, "path"):
            yield NamedPhoto(_text(view, "path"))


def _text(frame: Mapping[str, Any], key: str) -> str:
    value = frame.get(key)
    return value if isinstance(value, str) else ""


def _binary_images(data: bytes) -> Iterator[str]:
    """https://colmap.github.io/format.html#images-bin: number, pose, camera, name, features of 24 bytes each."""
    (count,) = struct.unpack_from("<Q", data)
    offset = 8
    for _ in range(min(count, len(data) // 64)):
        offset += 64
        end = data.index(b"\0", offset)
        yield data[offset:end].decode("utf-8", "replace")
        (features,) = struct.unpack_from("<Q", data, end + 1)
        offset = end + 9 + 24 * features


def _text_images(text: str) -> Iterator[str]:
    lines = iter(text.splitlines())
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split(maxsplit=9)
        if len(fields) == 10:
            yield fields[9].strip()
        next(lines, None)
