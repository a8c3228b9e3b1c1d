"""Finds camera poses that lie beside photos, in the layouts that the field's tools write."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote

from .formats import BLENDER_SPLITS, COLMAP_SUFFIXES, COLMAP_TABLES, LLFF, TRANSFORMS, named_like_poses
from .listing import SourceFile
from .pose_tools import (
    BUNDLER_LIST,
    SIGNATURES,
    Signature,
    Tool,
    is_arkit_frame,
    is_sidecar,
    names_list,
    signature_of,
)

FOLDER: Final = "provided"
"""Below ingest's folder: the files of the poses, under the names that their format gives them."""
POLYCAM_FOLDERS: Final = ("cameras", "corrected_cameras")
"""What the phone measured, and what the app made of it; where both are there the second counts."""
POLYCAM_PREFIX: Final = "polycam-"
"""Before the names of Polycam's files, one for each photo, in `FOLDER`."""
SIDECAR_PREFIX: Final = "sidecar-"
"""Before the names of RealityCapture's files beside photos, whose paths `sidecar_of` gives back."""
ARKIT_PREFIX: Final = "arkit-"
"""The same of 3D Scanner App's."""
_LONGEST_NAME: Final = 255


class PoseFormat(StrEnum):
    """In the order of preference where a source holds several."""

    TRANSFORMS = "transforms"
    COLMAP = "colmap"
    BLENDER = "blender"
    POLYCAM = "polycam"
    LLFF = "llff"
    RECORD3D = "record3d"
    REALITY_CAPTURE = "realityCapture"
    REALITY_CAPTURE_SIDECARS = "realityCaptureSidecars"
    METASHAPE = "metashape"
    OPENSFM = "openSfM"
    BUNDLER = "bundler"
    MESHROOM = "meshroom"
    VISUALSFM = "visualSFM"
    NEUS = "neuS"
    ARKIT = "arKit"


@dataclass(frozen=True)
class PoseFiles:
    """Files of one set of poses by the names under which they are kept."""

    format: PoseFormat
    files: dict[str, SourceFile]

    @property
    def main(self) -> SourceFile:
        """The file that stands for all of them."""
        return next(iter(self.files.values()))

    @property
    def folder(self) -> str:
        """Where they are in the source."""
        return str(PurePosixPath(self.main.name).parent)


def find_pose_files(files: Sequence[SourceFile]) -> list[PoseFiles]:
    """The poses of a source, all of one format: those nearest to its root come first, then the first by name."""
    folders: dict[str, dict[str, SourceFile]] = {}
    for file in files:
        path = PurePosixPath(file.name)
        if named_like_poses(file.name) or path.parent.name in POLYCAM_FOLDERS:
            folders.setdefault(str(path.parent), {})[path.name] = file
    nearest = [folders[name] for name in sorted(folders, key=lambda name: (len(PurePosixPath(name).parts), name))]
    nearest.sort(key=_corrected, reverse=True)
    for choose in (_transforms, _colmap, _blender, _polycam, _llff):
        if found := [poses for folder in nearest if (poses := choose(folder))]:
            return found
    return _of_other_tools(files)


def _of_other_tools(files: Sequence[SourceFile]) -> list[PoseFiles]:
    """Those of the first tool of which there is a file."""
    ordered = sorted(files, key=lambda file: (len(PurePosixPath(file.name).parts), file.name))
    known = [(file, signature) for file in ordered if (signature := signature_of(file))]
    for signature in SIGNATURES:
        if found := [_kept(file, signature, files) for file, its in known if its is signature]:
            return found
        if signature.tool is Tool.REALITY_CAPTURE and (sidecars := _sidecars(ordered)):
            return [sidecars]
    arkit = _beside_photos([file for file in ordered if is_arkit_frame(file)], ARKIT_PREFIX, PoseFormat.ARKIT)
    return [arkit] if arkit is not None else []


def _sidecars(files: Sequence[SourceFile]) -> PoseFiles | None:
    """All files of RealityCapture that lie beside photos, as one set of poses."""
    own = [file for file in files if is_sidecar(file)]
    return _beside_photos(own, SIDECAR_PREFIX, PoseFormat.REALITY_CAPTURE_SIDECARS)


def _beside_photos(files: Sequence[SourceFile], prefix: str, form: PoseFormat) -> PoseFiles | None:
    """Files of which each describes one photo, as one set of poses."""
    kept = {prefix + _escaped(file.name): file for file in files}
    fitting = {name: file for name, file in kept.items() if len(os.fsencode(name)) <= _LONGEST_NAME}
    return PoseFiles(form, fitting) if fitting else None


def _escaped(path: str) -> str:
    return path.replace("%", "%25").replace("/", "%2F")


def sidecar_of(kept: str) -> str:
    """The path in the source of a file that is kept under this name."""
    return unquote(kept.removeprefix(SIDECAR_PREFIX).removeprefix(ARKIT_PREFIX))


def _kept(file: SourceFile, signature: Signature, files: Sequence[SourceFile]) -> PoseFiles:
    assert signature.tool is not None
    kept = {signature.kept_as: file}
    if signature.tool is Tool.BUNDLER:
        folder = PurePosixPath(file.name).parent
        beside = {PurePosixPath(each.name).name: each for each in files if PurePosixPath(each.name).parent == folder}
        if (listed := names_list(beside)) is not None:
            kept[BUNDLER_LIST] = listed
    return PoseFiles(PoseFormat[signature.tool.name], kept)


def format_in(names: Sequence[str]) -> PoseFormat | None:
    """Format of the poses whose files have these plain names."""
    if TRANSFORMS in names:
        return PoseFormat.TRANSFORMS
    if any(f"images{suffix}" in names for suffix in COLMAP_SUFFIXES):
        return PoseFormat.COLMAP
    if BLENDER_SPLITS[0] in names:
        return PoseFormat.BLENDER
    if any(name.startswith(POLYCAM_PREFIX) for name in names):
        return PoseFormat.POLYCAM
    if LLFF in names:
        return PoseFormat.LLFF
    if any(name.startswith(SIDECAR_PREFIX) for name in names):
        return PoseFormat.REALITY_CAPTURE_SIDECARS
    if any(name.startswith(ARKIT_PREFIX) for name in names):
        return PoseFormat.ARKIT
    tool = next((each.tool for each in SIGNATURES if each.kept_as in names), None)
    return PoseFormat[tool.name] if tool is not None else None


def _transforms(folder: dict[str, SourceFile]) -> PoseFiles | None:
    return PoseFiles(PoseFormat.TRANSFORMS, {TRANSFORMS: folder[TRANSFORMS]}) if TRANSFORMS in folder else None


def _colmap(folder: dict[str, SourceFile]) -> PoseFiles | None:
    """A model whose points are missing still says where the cameras were."""
    for suffix in COLMAP_SUFFIXES:
        found = {table + suffix: folder[table + suffix] for table in COLMAP_TABLES if table + suffix in folder}
        if f"cameras{suffix}" in found and f"images{suffix}" in found:
            return PoseFiles(PoseFormat.COLMAP, found)
    return None


def _blender(folder: dict[str, SourceFile]) -> PoseFiles | None:
    if BLENDER_SPLITS[0] not in folder:
        return None
    return PoseFiles(PoseFormat.BLENDER, {name: folder[name] for name in BLENDER_SPLITS if name in folder})


def _polycam(folder: dict[str, SourceFile]) -> PoseFiles | None:
    """A file for each photo, as Polycam's raw export has them."""
    found = {f"{POLYCAM_PREFIX}{name}": folder[name] for name in sorted(folder) if name.endswith(".json")}
    parents = {PurePosixPath(file.name).parent.name for file in found.values()}
    return PoseFiles(PoseFormat.POLYCAM, found) if parents and parents <= set(POLYCAM_FOLDERS) else None


def _corrected(folder: dict[str, SourceFile]) -> bool:
    return all(PurePosixPath(file.name).parent.name == POLYCAM_FOLDERS[1] for file in folder.values())


def _llff(folder: dict[str, SourceFile]) -> PoseFiles | None:
    return PoseFiles(PoseFormat.LLFF, {LLFF: folder[LLFF]}) if LLFF in folder else None
