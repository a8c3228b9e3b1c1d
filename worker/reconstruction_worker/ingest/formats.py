"""What a file is, by its first bytes; its name only decides whether somebody meant it to be a photo."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Final

from ..stage_files import TRANSFORMS

HEAD_BYTES: Final = 512
"""Enough for every signature below (tar's is at byte 257)."""

IMAGE_SUFFIXES: Final = frozenset(
    {".jpg", ".jpeg", ".jpe", ".png", ".webp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".gif", ".bmp", ".jp2"}
)
RAW_SUFFIXES: Final = frozenset({".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw"})

ARCHIVE_SUFFIXES: Final = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
VIDEO_SUFFIXES: Final = frozenset(
    {".mp4", ".m4v", ".mov", ".webm", ".mkv", ".3gp", ".avi", ".mts", ".m2ts", ".ts", ".mpg", ".mpeg", ".wmv", ".flv"}
)

BLENDER_SPLITS: Final = ("transforms_train.json", "transforms_val.json", "transforms_test.json")
LLFF: Final = "poses_bounds.npy"
COLMAP_TABLES: Final = ("cameras", "images", "points3D")
COLMAP_SUFFIXES: Final = (".bin", ".txt")
"""The binary files come first, as in COLMAP itself."""
POSE_NAMES: Final = frozenset(
    {TRANSFORMS, LLFF, *BLENDER_SPLITS, *(table + suffix for table in COLMAP_TABLES for suffix in COLMAP_SUFFIXES)}
)


POSE_SUFFIXES: Final = frozenset({".sfm", ".nvm", ".out", ".json", ".xml", ".csv", ".npz"})
"""Of files in which tools keep poses under any name; recognised by what is in them."""


class Kind(StrEnum):
    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WebP"
    TIFF = "TIFF"
    HEIC = "HEIC"
    RAW = "raw camera"
    VIDEO = "video"
    UNSUPPORTED_IMAGE = "image of another format"
    ARCHIVE = "archive"
    OTHER = "other"


SUPPORTED: Final = frozenset({Kind.JPEG, Kind.PNG, Kind.WEBP, Kind.TIFF, Kind.HEIC, Kind.RAW})

_ARCHIVE_SIGNATURES: Final = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "rar",
    b"\x28\xb5\x2f\xfd": "zstd",
}
_BRANDS: Final = {
    b"heic": (Kind.HEIC, "HEIC"), b"heix": (Kind.HEIC, "HEIC"), b"heim": (Kind.HEIC, "HEIC"),
    b"heis": (Kind.HEIC, "HEIC"), b"mif1": (Kind.HEIC, "HEIF"), b"crx ": (Kind.RAW, "CR3"),
    b"msf1": (Kind.UNSUPPORTED_IMAGE, "HEIF sequence"),
    b"avif": (Kind.UNSUPPORTED_IMAGE, "AVIF"), b"avis": (Kind.UNSUPPORTED_IMAGE, "AVIF"),
}  # fmt: skip
"""Of ISO base media files (ISO/IEC 14496-12) that are no videos."""
_RAW_SIGNATURES: Final = {
    b"FUJIFILMCCD-RAW": "RAF",
    b"IIRO": "ORF",
    b"IIRS": "ORF",
    b"MMOR": "ORF",
    b"IIU\0": "RW2",
}


def kind_of(head: bytes, name: str) -> tuple[Kind, str]:
    """Kind of a file and the name of its format, from its first `HEAD_BYTES` bytes. `name` is needed for raw camera
    files, which look like TIFF but hold only a preview in it."""
    if head.startswith(b"\xff\xd8\xff"):
        return Kind.JPEG, "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return Kind.PNG, "PNG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Kind.WEBP, "WebP"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        if _suffix(name) in RAW_SUFFIXES or head[8:10] == b"CR":
            return Kind.RAW, "raw camera"
        return Kind.TIFF, "TIFF"
    for signature, name_of_format in _RAW_SIGNATURES.items():
        if head.startswith(signature):
            return Kind.RAW, name_of_format
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], (Kind.VIDEO, "video"))
    if head[4:8] in (b"moov", b"mdat", b"wide") or head.startswith(b"\x1a\x45\xdf\xa3"):
        return Kind.VIDEO, "video"  # QuickTime without a brand; Matroska and WebM
    if _is_other_video(head):
        return Kind.VIDEO, "video"
    if archive := archive_format(head):
        return Kind.ARCHIVE, archive
    if foreign := _foreign_image(head):
        return Kind.UNSUPPORTED_IMAGE, foreign
    return Kind.OTHER, "unknown"


def archive_format(head: bytes) -> str | None:
    """Format of an archive from its first bytes; None when it is none."""
    for signature, name in _ARCHIVE_SIGNATURES.items():
        if head.startswith(signature):
            return name
    return "tar" if head[257:262] == b"ustar" else None


def meant_as_photo(name: str) -> bool:
    """Whether the name claims that the file is an image."""
    return _suffix(name) in IMAGE_SUFFIXES | RAW_SUFFIXES


def named_like_archive(name: str) -> bool:
    return name.lower().endswith(ARCHIVE_SUFFIXES)


def named_like_video(name: str) -> bool:
    return _suffix(name) in VIDEO_SUFFIXES


def named_like_poses(name: str) -> bool:
    """Whether a file of that name may be part of camera poses beside the photos."""
    return PurePosixPath(name).name in POSE_NAMES


def may_hold_poses(name: str) -> bool:
    """Whether a file of that name may hold poses in any of the formats that are read."""
    return named_like_poses(name) or _suffix(name) in POSE_SUFFIXES


def is_video(path: Path) -> bool:
    """Whether a file is a video of a kind that is read, by its content."""
    return kind_of(read_head(path), path.name)[0] is Kind.VIDEO


def read_head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def looks_like_text(head: bytes) -> bool:
    """For a friendlier message only."""
    return bool(head) and b"\0" not in head and all(byte >= 32 or byte in b"\t\r\n\f" for byte in head)


def _is_other_video(head: bytes) -> bool:
    """AVI, MPEG streams, Windows Media and Flash."""
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return True
    if head.startswith((b"\x00\x00\x01\xba", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", b"FLV\x01")):
        return True
    # Packets of an MPEG transport stream begin with a sync byte; those of AVCHD have a time stamp before it.
    return any(
        len(head) > start + 2 * step and all(head[start + number * step] == 0x47 for number in range(3))
        for start, step in ((0, 188), (4, 192))
    )


def _foreign_image(head: bytes) -> str | None:
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith(b"BM") and head[6:10] == b"\0\0\0\0":
        return "BMP"
    if head.startswith((b"\x00\x00\x00\x0cJXL ", b"\xff\x0a")):
        return "JPEG XL"
    if head.startswith(b"\x00\x00\x00\x0cjP  "):
        return "JPEG 2000"
    return None


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()
