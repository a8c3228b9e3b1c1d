"""`render/turntable.json`."""

from __future__ import annotations

from typing import Final

from reconstruction_api.documents.base import Document
from reconstruction_api.stage_table import BY_NAME, StageName

FILE: Final = BY_NAME[StageName.RENDER].document


class TurntableDocument(Document):
    """What the turntable shows, and its files."""

    frames: int
    width: int
    height: int
    renderer: str
    files: list[str]
