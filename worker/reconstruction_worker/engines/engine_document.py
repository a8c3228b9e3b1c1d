"""`train/engine.json`: what was trained, and where it is."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from reconstruction_api.documents.base import Document
from reconstruction_api.stage_table import BY_NAME, StageName
from reconstruction_api.training import Precision

FILE: Final = BY_NAME[StageName.TRAIN].document


class BestState(Document):
    """The state that showed the held-out views best."""

    step: int
    held_out_psnr: float


class EngineDocument(Document):
    """An engine that is not trained in steps leaves out what it has nothing to say about."""

    engine: str
    """Its name; no other can load what it left."""
    licence: str | None = None
    """SPDX identifier."""
    device: str | None = None
    step: int | None = None
    """Of the result."""
    trained_steps: int | None = None
    checkpoint: str | None = None
    """File of the result, relative to the folder."""
    precision: Precision = Precision.FULL
    best: BestState | None = None
    in_place_of: str | None = None
    """The engine that the job names, where depth maps were fused in its place."""
    choice: str | None = None
    """Why depth maps were fused, or not, where that was left to the worker."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """What the engine derived for the scene."""
