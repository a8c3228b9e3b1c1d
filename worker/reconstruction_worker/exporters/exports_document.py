"""`export/exports.json`: which files there are, and what a reader found in them."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from reconstruction_api.documents.base import Document
from reconstruction_api.exports import Compression, Material, SplatRegion, TextureFormat
from reconstruction_api.stage_table import BY_NAME, StageName

FILE: Final = BY_NAME[StageName.EXPORT].document


class ExportedFile(Document):
    name: str
    media_type: str
    size_bytes: int
    sha256: str


class ExportEntry(Document):
    """One entry of `spec.exports`."""

    format: str
    name: str | None = None
    """What the entry is called; None where it has no name of its own."""
    compression: Compression = Compression.NONE
    texture_format: TextureFormat | None = None
    """What the entry asked for, and below the same; None where the format decides."""
    material: Material | None = None
    target_faces: int | None = None
    splats: SplatRegion | None = None
    up: str
    """Axis that points up: `y` or `z`."""
    vertices: int
    faces: int
    bounds: list[list[float]]
    """Lower and upper corner. [2, 3]"""
    checked_by: str
    files: list[ExportedFile]


class ExportsDocument(Document):
    metric: bool
    """Coordinates are metres; otherwise the scene's own unit."""
    exports: list[ExportEntry] = Field(default_factory=list[ExportEntry])
