"""What an engine is: a method that learns a scene from photos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from reconstruction_api.engines import EngineSpec, Makes, Weights

if TYPE_CHECKING:
    from ..geometry.coloured_mesh import ColouredMesh
    from ..geometry.gaussians import Gaussians
    from ..geometry.rendering import Field
    from ..stage import StageContext, StageOutput

__all__ = ["Engine", "EngineSpec", "GaussianEngine", "Makes", "Weights"]


class Engine(Protocol):
    """One method. Instances hold no state between calls."""

    @property
    def spec(self) -> EngineSpec:
        """Known without importing the engine's libraries."""
        ...

    def fit(self, context: StageContext) -> StageOutput:
        """Learn from `poses/` (or `ingest/`, for an engine that needs no poses); leave `engine.json` and whatever
        `load` reads in the stage's folder; resume from what is there. Where photos were kept from the training to judge
        the result by, `split.json` says which."""
        ...

    def load(self, folder: Path, workspace: Path, device: str) -> Field | ColouredMesh:
        """What `fit` left in `folder` (`workspace/train`): a coloured mesh, in world units, where `spec.makes` is one,
        else a field. Raises CheckpointIncompatible when it is not there or damaged."""
        ...


@runtime_checkable
class GaussianEngine(Protocol):
    """An engine whose `spec.makes` is Gaussians has this method too, and one of a mesh may have it."""

    def gaussians(self, folder: Path) -> Gaussians:
        """Those that `fit` left in `folder`, in world units; also on a machine without a GPU."""
        ...
