"""Tells photos, masks, depth maps and poses apart in a listing of files."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Final

from .companions import Companion, Companions, PhotoNames
from .dataset import DroppedImage
from .file_roles import FileRoles, Role, is_depth_folder, is_mask_folder
from .formats import SUPPORTED, Kind, kind_of, looks_like_text, meant_as_photo, named_like_video, read_head
from .geo_file import GeoFile, read_geo_file
from .limits import Limits
from .listing import SourceFile, access_to
from .natural_order import natural_order
from .pose_files import PoseFiles, PoseFormat, find_pose_files
from .pose_names import FileIndex, NamedPhotos, names_in, resolve
from .pose_tools import recognised
from .shots import second_files

_RENDER_PASS: Final = re.compile(r"_(depth|normal)_\d{4}$")
"""Of NeRF's synthetic scenes, beside the pictures of the test split."""
_FEWEST_NAMED: Final = 2
"""Photos that poses must name to say which photos they are for."""
_FOR_ALL: Final = "mask"
"""Name of a mask that is for every photo."""


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
    posed: frozenset[str] | None = None
    """Names of the photos that the poses name; None where they name none."""
    unread_poses: dict[str, str] = field(default_factory=dict)
    """Names of files with camera poses that are not read, each with whose they are."""
    geo: GeoFile = field(default_factory=GeoFile)
    """Where a file beside the photos says that they were taken."""
    inverted_masks: set[str] = field(default_factory=set)
    """Names of masks that are white where nothing is to be seen."""

    def mask_of(self, photo: SourceFile) -> SourceFile | None:
        """The mask of a photo."""
        return self.masks.of(photo, self._names)

    def depth_of(self, photo: SourceFile) -> SourceFile | None:
        """The depth map of a photo."""
        return self.depths.of(photo, self._names)

    def depth_maps_of_no_photo(self) -> int:
        claimed = {id(self.depth_of(photo)) for photo in self.photos}
        return len({id(file) for file in self.depths.files} - claimed)

    def masks_of_no_photo(self) -> int:
        claimed = {id(self.mask_of(photo)) for photo in self.photos}
        return len({id(file) for file in self.masks.files} - claimed)

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
    candidates = find_pose_files([file for file in files if file.size <= limits.allowed_bytes(file.name)])
    passes = bool(candidates) and candidates[0].format is PoseFormat.BLENDER
    roles = FileRoles([file.name for file in files])
    masks: list[Companion] = []
    depths: list[Companion] = []
    kinds: dict[str, Kind] = {}
    for file in files:
        placed = roles.of(file.name)
        if placed.role in (Role.MASK, Role.INVERTED_MASK):
            masks.append(Companion(file, placed.beside))
            if placed.role is Role.INVERTED_MASK:
                result.inverted_masks.add(file.name)
        elif placed.role is Role.DEPTH:
            depths.append(Companion(file, placed.beside))
        elif placed.role is not Role.CANDIDATE or (passes and _RENDER_PASS.search(PurePosixPath(file.name).stem)):
            result.others.append(file.name)
        elif kind := _judge(file, limits, result):
            kinds[file.name] = kind
    result.unread_poses = {file.name: tool for file in files if (tool := recognised(file))}
    result.poses, named = _with_most_photos(candidates, files, result.photos)
    claimed = {file.name for file in (*named.masks.values(), *named.depths.values())}
    result.photos = [photo for photo in result.photos if photo.name not in claimed]
    result.posed = named.photos if len(named.photos) >= _FEWEST_NAMED else None
    _leave_out_second_files(result, named, kinds)
    result.geo = read_geo_file(files, [photo.name for photo in result.photos])
    result.photos.sort(key=lambda file: natural_order(file.name))
    for file in (*(item.file for item in (*masks, *depths)), *(result.poses.files.values() if result.poses else ())):
        if file.size <= limits.allowed_bytes(file.name):
            _head(file)  # read later: here the user learns if that is forbidden
    result.masks = Companions(masks, is_mask_folder, named.masks, _for_all(masks))
    result.depths = Companions(depths, is_depth_folder, named.depths)
    return result


def _with_most_photos(
    candidates: list[PoseFiles], files: list[SourceFile], photos: list[SourceFile]
) -> tuple[PoseFiles | None, NamedPhotos]:
    """Of several sets of poses the one that names the most photos of the source, and of equal ones the first."""
    best: tuple[PoseFiles | None, NamedPhotos] = (candidates[0] if candidates else None), NamedPhotos()
    by_photo, by_file = FileIndex(photos), FileIndex(files if candidates else [])
    for poses in candidates:
        named = resolve(poses, names_in(poses), by_photo, by_file)
        if len(named.photos) > len(best[1].photos):
            best = poses, named
    return best


def _leave_out_second_files(result: Arrangement, named: NamedPhotos, kinds: dict[str, Kind]) -> None:
    second = second_files([(photo, kinds[photo.name]) for photo in result.photos], named.photos)
    for name, kept in second.items():
        message = f"{name} is the same shot as {kept}."
        result.dropped.append(DroppedImage(name=name, code="Duplicate", message=message))
    result.photos = [photo for photo in result.photos if photo.name not in second]


def _for_all(masks: list[Companion]) -> SourceFile | None:
    """The mask for every photo: the only one there is, and called just that."""
    single = masks[0].file if len(masks) == 1 else None
    return single if single and PurePosixPath(single.name).stem.lower() == _FOR_ALL else None


def _judge(file: SourceFile, limits: Limits, result: Arrangement) -> Kind | None:
    """Enter a file that may be a photo or video where it belongs; its kind if it is a photo."""
    allowed = limits.allowed_bytes(file.name)
    if file.size > allowed:
        if meant_as_photo(file.name) or named_like_video(file.name):
            what = "photo" if meant_as_photo(file.name) else "video"
            message = f"{file.name} is {file.size / 1e6:.0f} MB; the limit of a {what} is {allowed / 1e6:.0f} MB."
            result.dropped.append(DroppedImage(name=file.name, code="FileTooLarge", message=message))
        else:
            result.others.append(file.name)
        return None
    head = _head(file)
    kind, form = kind_of(head, file.name)
    if kind in SUPPORTED:
        result.photos.append(file)
        return kind
    if kind is Kind.VIDEO:
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
    return None


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
