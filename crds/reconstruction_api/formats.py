"""Formats of delivered files: one declaration each, which enums, media types, documentation and checks follow.

How a format is written and opened again is the worker's: its module `exporters.<name in lower case>`.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final, Self


class ExportFormat(StrEnum):
    """A format that `spec.exports` may name."""

    file: str
    """Name of its file in the artifacts."""
    media_type: str
    """IANA media type of that file."""
    about: str
    """What it holds, for people."""
    compressible: bool
    """Whether `compression` applies."""
    gaussians: bool
    """Whether it holds Gaussians instead of the mesh."""

    def __new__(
        cls, value: str, file: str, media_type: str, about: str, compressible: bool = False, gaussians: bool = False
    ) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.file, member.media_type, member.about = file, media_type, about
        member.compressible, member.gaussians = compressible, gaussians
        return member

    GLB = "GLB", "model.glb", "model/gltf-binary", "binary glTF 2.0, texture inside", True
    OBJ = "OBJ", "model.obj", "model/obj", "with MTL and texture"
    PLY = "PLY", "model.ply", "application/ply", "vertex colours"
    STL = "STL", "model.stl", "model/stl", "binary, shape only: no colours, no texture"
    SPLAT_PLY = "SplatPLY", "splats.ply", "application/ply", "Gaussians in full, for splat viewers", False, True
    COMPRESSED_SPLAT_PLY = (
        "CompressedSplatPLY",
        "splats.compressed.ply",
        "application/ply",
        "Gaussians in PlayCanvas' compressed layout",
        False,
        True,
    )
    SPZ = "SPZ", "splats.spz", "application/gzip", "Gaussians in Niantic's compressed format", False, True
    SOG = "SOG", "splats.sog", "application/zip", "Gaussians as pictures, the smallest, for the web", False, True
    SPLAT_GLB = (
        "SplatGLB",
        "splats.glb",
        "model/gltf-binary",
        "Gaussians as glTF 2.0 with KHR_gaussian_splatting",
        False,
        True,
    )
    SPLAT = "SPLAT", "splats.ply", "application/ply", "the earlier name of SplatPLY", False, True


REPORT_PAGE: Final = "report.html"
"""The report, among the artifacts."""
BUNDLE: Final = "bundle.zip"
"""All files of the results in one."""
PREVIEW: Final = "preview.png"
"""Pictures of the result, among the artifacts."""


def described_formats() -> str:
    """All of them in one sentence."""
    *most, last = (f"`{each}` ({each.about})" for each in ExportFormat)
    return f"{', '.join(most)} or {last}."


MEDIA_TYPES: Final = {PurePosixPath(each.file).suffix: each.media_type for each in ExportFormat} | {
    ".gltf": "model/gltf+json",
    ".html": "text/html",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".mtl": "model/mtl",
    ".png": "image/png",
    ".zip": "application/zip",
}
"""Of every file that a job may deliver, by its suffix."""
_UNKNOWN: Final = "application/octet-stream"


def media_type_of(name: str) -> str:
    """IANA media type of a file, by its name."""
    return MEDIA_TYPES.get(PurePosixPath(name).suffix, _UNKNOWN)


def format_of(name: str) -> str:
    """What a file is called in `status.artifacts` and the manifest, as far as its name tells: `GLB`, `HTML`."""
    known = {each.file: each.value for each in reversed(ExportFormat)}  # of two names of one file, the first
    return known.get(name) or PurePosixPath(name).suffix.removeprefix(".").upper()
