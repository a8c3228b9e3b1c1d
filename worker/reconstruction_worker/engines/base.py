"""What an engine is: a method that learns a scene from posed photos and can be asked what a camera would see."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..geometry.rendering import Field
    from ..stage import StageContext, StageOutput


@dataclass(frozen=True)
class EngineSpec:
    """What an engine needs and allows; read without importing the engine's libraries."""

    name: str
    licence: str
    """SPDX identifier."""
    commercial_use: bool
    min_images: int
    max_images: int
    needs_poses: bool
    needs_gpu: bool
    min_vram_bytes: int
    paper: str


class Engine(Protocol):
    """One method. Instances hold no state between calls."""

    spec: EngineSpec

    def fit(self, context: StageContext) -> StageOutput:
        """Train on `poses/`, leave checkpoints and `engine.json` in the stage's folder; resume from what is there."""
        ...

    def load(self, folder: Path, workspace: Path, device: str) -> Field:
        """The trained scene that `fit` left in `folder` (`workspace/train`)."""
        ...
