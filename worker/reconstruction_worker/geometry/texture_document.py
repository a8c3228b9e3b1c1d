"""`texture/texture.json`: where the texture's colours are from."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from reconstruction_api.documents.base import Document
from reconstruction_api.stage_table import BY_NAME, StageName

FILE: Final = BY_NAME[StageName.TEXTURE].document


class TextureDocument(Document):
    size: int
    """Side of the picture in pixels."""
    charts: int = 0
    surface_share: float = 0
    """Of the picture, that shows a part of the surface."""
    photo_share: float | None = None
    """Of the surface, that some photo shows."""
    views: dict[str, float] = Field(default_factory=dict)
    """Share of the surface that each photo shows best."""
