"""Formats of delivered files: one declaration each, which enums, media types, documentation and checks follow.

How a format is written and opened again is the worker's: its module `exporters.<name in lower case>`.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final, Self


class Option(StrEnum):
    """What an entry of `spec.exports` may say of its file, where the format has it."""

    COMPRESSION = "compression"
    TARGET_FACES = "targetFaces"
    TEXTURE = "textureFormat"
    """JPEG or PNG."""
    WEBP = "textureFormat WebP"
    MATERIAL = "material"
    GAUSSIANS = "maxSplats"
    REGION = "splats"


_TEXTURED: Final = (Option.TARGET_FACES, Option.TEXTURE)
_GLTF: Final = (*_TEXTURED, Option.COMPRESSION, Option.WEBP, Option.MATERIAL)
_OF_GAUSSIANS: Final = (Option.GAUSSIANS, Option.REGION)


class ExportFormat(StrEnum):
    """A format that `spec.exports` may name."""

    file: str
    """Name of its file in the artifacts, where the entry has no name of its own."""
    media_type: str
    """IANA media type of that file."""
    about: str
    """What it holds, for people."""
    options: tuple[Option, ...]
    """What an entry may say of it."""

    def __new__(cls, value: str, file: str, media_type: str, about: str, *options: Option) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.file, member.media_type, member.about, member.options = file, media_type, about, options
        return member

    @property
    def gaussians(self) -> bool:
        """Whether it holds Gaussians instead of the mesh."""
        return Option.GAUSSIANS in self.options

    @property
    def stem(self) -> str:
        """What the names of its files begin with, where the entry has no name of its own."""
        return self.file.partition(".")[0]

    @property
    def suffix(self) -> str:
        """What the name of its file ends with: `.compressed.ply`."""
        return self.file.removeprefix(self.stem)

    GLB = "GLB", "model.glb", "model/gltf-binary", "binary glTF 2.0, texture inside", *_GLTF
    GLTF = "GLTF", "model.gltf", "model/gltf+json", "glTF 2.0 with buffer and texture as files of their own", *_GLTF
    OBJ = "OBJ", "model.obj", "model/obj", "with MTL and texture", *_TEXTURED
    PLY = "PLY", "model.ply", "application/ply", "vertex colours", Option.TARGET_FACES
    STL = "STL", "model.stl", "model/stl", "binary, shape only: no colours, no texture", Option.TARGET_FACES
    FBX = "FBX", "model.fbx", "application/vnd.autodesk.fbx", "binary, in centimetres, texture inside", *_TEXTURED
    USDZ = "USDZ", "model.usdz", "model/vnd.usdz+zip", "for iPhone, iPad and Vision Pro, texture inside", *_TEXTURED
    POINT_CLOUD = (
        "PointCloud",
        "points.laz",
        "application/vnd.laszip",
        "points of the surface as LAZ and PLY, on the map where GPS tells the place",
    )
    ORTHOPHOTO = (
        "Orthophoto",
        "orthophoto.tif",
        "image/tiff",
        "the colours from straight above, as GeoTIFF where GPS tells the place",
    )
    DSM = "DSM", "dsm.tif", "image/tiff", "the heights from straight above, as GeoTIFF where GPS tells the place"
    TILES = "Tiles", "tileset.json", "application/json", "3D Tiles 1.1 in several levels of detail", *_GLTF
    SPLAT_PLY = (
        "SplatPLY",
        "splats.ply",
        "application/ply",
        "Gaussians in full, for splat viewers",
        *_OF_GAUSSIANS,
    )
    COMPRESSED_SPLAT_PLY = (
        "CompressedSplatPLY",
        "splats.compressed.ply",
        "application/ply",
        "Gaussians in PlayCanvas' compressed layout",
        *_OF_GAUSSIANS,
    )
    SPZ = "SPZ", "splats.spz", "application/gzip", "Gaussians in Niantic's compressed format", *_OF_GAUSSIANS
    SOG = (
        "SOG",
        "splats.sog",
        "application/zip",
        "Gaussians as pictures, the smallest, for the web",
        *_OF_GAUSSIANS,
    )
    SPLAT_GLB = (
        "SplatGLB",
        "splats.glb",
        "model/gltf-binary",
        "Gaussians as glTF 2.0 with KHR_gaussian_splatting",
        *_OF_GAUSSIANS,
    )
    SPLAT = "SPLAT", "splats.ply", "application/ply", "the earlier name of SplatPLY", *_OF_GAUSSIANS


REPORT_PAGE: Final = "report.html"
"""The report, among the artifacts."""
BUNDLE: Final = "bundle.zip"
"""All files of the results in one."""
LATEST: Final = "latest.json"
"""At a destination: which set of results is the newest."""
PREVIEW: Final = "preview.png"
"""Pictures of the result, among the artifacts."""


RESERVED_NAMES: Final = tuple(
    sorted({each.stem for each in ExportFormat} | {"exports", "manifest", "preview", "quality", "report", "bundle"})
)
"""What no entry of `spec.exports` may be named: its files would have names that others have."""


def formats_with(option: Option) -> tuple[str, ...]:
    """The formats that have an option."""
    return tuple(each.value for each in ExportFormat if option in each.options)


def described_formats() -> str:
    """All of them in one sentence."""
    *most, last = (f"`{each}` ({each.about})" for each in ExportFormat)
    return f"{', '.join(most)} or {last}."


MEDIA_TYPES: Final = {PurePosixPath(each.file).suffix: each.media_type for each in ExportFormat} | {
    ".bin": "application/gltf-buffer",
    ".html": "text/html",
    ".mp4": "video/mp4",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".mtl": "model/mtl",
    ".png": "image/png",
    ".webm": "video/webm",
    ".webp": "image/webp",
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
