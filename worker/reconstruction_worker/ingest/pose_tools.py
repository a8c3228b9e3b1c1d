"""Files in which capture apps and photogrammetry programs keep camera poses, recognised by name and first bytes."""

from __future__ import annotations

import mmap
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final

from .formats import read_head
from .listing import SourceFile
from .text_files import as_utf8, is_utf16


class Tool(StrEnum):
    """Whose poses are read; the value is what messages call them."""

    RECORD3D = "Record3D"
    REALITY_CAPTURE = "RealityCapture"
    METASHAPE = "Metashape"
    OPENSFM = "OpenSfM"
    BUNDLER = "Bundler"
    MESHROOM = "Meshroom"
    VISUALSFM = "VisualSFM"
    NEUS = "NeuS"


@dataclass(frozen=True)
class Signature:
    """How a tool's file is told, and the name under which it is kept."""

    tool: Tool | None
    """None where poses are recognised, but not read."""
    kept_as: str
    name: re.Pattern[str]
    """Of the file, in lower case."""
    content: re.Pattern[bytes]
    """In its first bytes."""


def _signature(tool: Tool | None, kept_as: str, name: str, content: bytes) -> Signature:
    return Signature(tool, kept_as, re.compile(name), re.compile(content, re.DOTALL))


SIGNATURES: Final = (
    _signature(Tool.RECORD3D, "record3d.json", r"metadata(\.json)?", rb"\s*\{"),
    _signature(
        Tool.REALITY_CAPTURE, "reality-capture.csv", r".+\.csv", rb"(\xef\xbb\xbf)?#?name,\s*x,\s*y,\s*(alt|z),"
    ),
    _signature(Tool.METASHAPE, "metashape.xml", r".+\.xml", rb".*<document[^>]*>.*<chunk"),
    _signature(Tool.OPENSFM, "opensfm.json", r"reconstruction\.json", rb"\s*\["),
    _signature(Tool.BUNDLER, "bundler.out", r".+\.out", rb"# Bundle file"),
    _signature(Tool.MESHROOM, "meshroom.sfm", r".+\.(sfm|json)", rb'\s*\{\s*"version":\s*\[\s*"1",.*"'),
    _signature(Tool.VISUALSFM, "visualsfm.nvm", r".+\.nvm", rb"NVM_V3"),
    _signature(Tool.NEUS, "neus.npz", r"cameras(_sphere|_large)?\.npz", rb"PK"),
)
_RECOGNISED: Final = (
    ("Alembic", re.compile(r".+\.abc"), re.compile(rb"Ogawa")),
    ("OpenDroneMap's map of cameras", re.compile(r"shots\.geojson"), re.compile(rb"\s*\{")),
    ("Metashape's project", re.compile(r".+\.psx"), re.compile(rb".*<document", re.DOTALL)),
)
_SIDECAR: Final = re.compile(rb"xcr:Rotation[\s>=]")
_ARKIT_FRAME: Final = re.compile(r"frame_\d+\.json")
_ARKIT_POSE: Final = b'"cameraPoseARFrame"'
_MOST_SIDECAR_BYTES: Final = 2**20
_MOST_RECODED_BYTES: Final = 256 * 2**20
BUNDLER_LIST: Final = "bundler-list.txt"
_LIST_NAMES: Final = ("list.txt", "images.txt", "image_list.txt", "bundle.list.txt")


def kept_as(tool: Tool) -> str:
    """The name under which a tool's file is kept."""
    return next(signature.kept_as for signature in SIGNATURES if signature.tool is tool)


def signature_of(file: SourceFile) -> Signature | None:
    """Of a file with poses that are read; None for any other, such as Meshroom's files before it has placed a photo."""
    name = PurePosixPath(file.name).name.lower()
    for signature in SIGNATURES:
        if signature.name.fullmatch(name) and signature.content.match(_head(file)):
            return signature if signature.tool is not Tool.MESHROOM or _holds(file, b'"poses"') else None
    return None


def is_sidecar(file: SourceFile) -> bool:
    """Whether a file is RealityCapture's description of the photo beside it, with its pose."""
    if not file.name.lower().endswith(".xmp") or file.size > _MOST_SIDECAR_BYTES or b"xcr:" not in _head(file):
        return False
    return _SIDECAR.search(as_utf8(file.path.read_bytes())) is not None


def is_arkit_frame(file: SourceFile) -> bool:
    """Whether a file is 3D Scanner App's description of the photo beside it, with ARKit's pose."""
    name = PurePosixPath(file.name).name.lower()
    return bool(_ARKIT_FRAME.fullmatch(name)) and 0 < file.size <= _MOST_SIDECAR_BYTES and _holds(file, _ARKIT_POSE)


def recognised(file: SourceFile) -> str | None:
    """Whose poses a file holds that is not read; None where it is not known to hold any."""
    name = PurePosixPath(file.name).name.lower()
    for tool, pattern, content in _RECOGNISED:
        if pattern.fullmatch(name) and content.match(_head(file)):
            return tool
    return None


def names_list(files: dict[str, SourceFile]) -> SourceFile | None:
    """The list of photos beside a file of Bundler; `files` of its folder by their plain names."""
    return next((files[name] for name in _LIST_NAMES if name in files), None)


def _holds(file: SourceFile, text: bytes) -> bool:
    """Whether the text is anywhere in the file."""
    if file.size <= _MOST_RECODED_BYTES and is_utf16(read_head(file.path)):
        return text in as_utf8(file.path.read_bytes())
    with file.path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(text) >= 0


def _head(file: SourceFile) -> bytes:
    """Its first bytes, as UTF-8 where it is text with a mark of its encoding."""
    return as_utf8(read_head(file.path)) if file.path.is_file() else b""
