"""Tells photos, masks, depth maps and poses apart in a listing of files."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

from .companions import Companions, PhotoNames
from .dataset import DroppedImage
from .formats import SUPPORTED, Kind, kind_of, looks_like_text, meant_as_photo, named_like_video, read_head
from .limits import Limits
from .listing import SourceFile, access_to
from .pose_files import PoseFiles, PoseFormat, find_pose_files

_MASK_FOLDERS = frozenset({"masks"})
_DEPTH_FOLDERS = frozenset({"depth", "depths"})
_SCALED_COPIES = re.compile(r"images_\d+")
"""nerfstudio and others keep smaller copies of `images` in `images_2`, `images_4`, ..."""

_RENDER_PASS = re.compile(r"_(depth|normal)_\d{4}$")
"""Of NeRF's synthetic scenes, beside the pictures of the test split."""


@dataclass
class Arrangement:
    """What a source holds, by role."""

    photos: list[SourceFile] = field(default_factory=list)
    videos: list[SourceFile] = field(default_factory=list)
    masks: Companions = field(default_factory=Companions)
    depths: Companions = field(default_factory=Companions)
    poses: PoseFiles | None = None
    dropped: list[DroppedImage] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    """Names of files that nobody claimed to be photos."""

    def mask_of(self, photo: SourceFile) -> SourceFile | None:
        """The mask of a photo, from a folder `masks`."""
        return self.masks.of(photo, self._names)

    def depth_of(self, photo: SourceFile) -> SourceFile | None:
        """The depth map of a photo, from a folder `depth`."""
        return self.depths.of(photo, self._names)

    def depth_maps_of_no_photo(self) -> int:
        claimed = {id(self.depth_of(photo)) for photo in self.photos}
        return len({id(file) for file in self.depths.files} - claimed)

    @cached_property
    def _names(self) -> PhotoNames:
        """Looked at when the first companion is asked for: by then the frames of videos are among the photos. Photos
        that were dropped count too; theirs is not another's."""
        return PhotoNames([file.name for file in self.photos] + [photo.name for photo in self.dropped])


def arrange(files: list[SourceFile], limits: Limits) -> Arrangement:
    """Sort files by role, photos by content. Broken candidates end in `dropped`, each with its code. Raises
    SourceAccessDenied."""
    result = Arrangement()
    files = _below_common_folder(files)
    result.poses = find_pose_files([file for file in files if file.size <= limits.allowed_bytes(file.name)])
    passes = result.poses is not None and result.poses.format is PoseFormat.BLENDER
    masks: list[SourceFile] = []
    depths: list[SourceFile] = []
    folders = {part for file in files for part in PurePosixPath(file.name).parts[:-1]}
    for file in files:
        parents = PurePosixPath(file.name).parts[:-1]
        if _MASK_FOLDERS.intersection(parents):
            masks.append(file)
        elif _DEPTH_FOLDERS.intersection(parents):
            depths.append(file)
        elif ("images" in folders and any(map(_SCALED_COPIES.fullmatch, parents))) or (
            passes and _RENDER_PASS.search(PurePosixPath(file.name).stem)
        ):
            result.others.append(file.name)
        else:
            _judge(file, limits, result)
    for file in (*masks, *depths, *(result.poses.files.values() if result.poses else ())):
        if file.size <= limits.allowed_bytes(file.name):
            _head(file)  # read later: here the user learns if that is forbidden
    result.masks = Companions(masks, _MASK_FOLDERS)
    result.depths = Companions(depths, _DEPTH_FOLDERS)
    return result


def _judge(file: SourceFile, limits: Limits, result: Arrangement) -> None:
    allowed = limits.allowed_bytes(file.name)
    if file.size > allowed:
        if meant_as_photo(file.name) or named_like_video(file.name):
            what = "photo" if meant_as_photo(file.name) else "video"
            message = f"{file.name} is {file.size / 1e6:.0f} MB; the limit of a {what} is {allowed / 1e6:.0f} MB."
            result.dropped.append(DroppedImage(name=file.name, code="FileTooLarge", message=message))
        else:
            result.others.append(file.name)
        return
    head = _head(file)
    kind, form = kind_of(head, file.name)
    if kind in SUPPORTED:
        result.photos.append(file)
    elif kind is Kind.VIDEO:
        result.videos.append(file)
    elif kind is Kind.UNSUPPORTED_IMAGE:
        message = f"{file.name} is a {form} image, which can't be read."
        result.dropped.append(DroppedImage(name=file.name, code="UnsupportedFormat", message=message))
    elif not meant_as_photo(file.name):
        result.others.append(file.name)
    elif file.size == 0:
        message = f"{file.name} is empty."
        result.dropped.append(DroppedImage(name=file.name, code="ImageCorrupt", message=message))
    else:
        really = " but text" if looks_like_text(head) else ""
        message = f"{file.name} is not an image{really}, whatever its name says."
        result.dropped.append(DroppedImage(name=file.name, code="UnsupportedFormat", message=message))


def _head(file: SourceFile) -> bytes:
    with access_to(file.name):
        return read_head(file.path)


def _below_common_folder(files: list[SourceFile]) -> list[SourceFile]:
    """Names without the folder that everything is in, as in an archive of one folder."""
    while files:
        first = {file.name.partition("/")[0] for file in files}
        if len(first) != 1 or any("/" not in file.name for file in files):
            break
        files = [SourceFile(file.name.partition("/")[2], file.path, file.size) for file in files]
    return files
