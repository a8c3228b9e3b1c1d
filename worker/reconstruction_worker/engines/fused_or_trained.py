"""`spec.training.depthFusion: Auto`: where an object's depth maps agree, they are fused in the place of a training."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from reconstruction_api.engines import DEPTH_FUSION_ENGINE, ENGINES
from reconstruction_api.errors import ReconstructionError

from ..files import write_document
from ..stage import StageContext, StageOutput
from .base import Engine
from .engine_document import FILE, EngineDocument

if TYPE_CHECKING:
    from .depth_fusion.fusing import Fused
    from .training.posed_photos import Scene

AGREEMENT: Final = 0.01
"""Median distance of two maps' surfaces, after each was moved as a whole, up to which they are fused, as a share of the
size of what they show."""
OVERLAP: Final = 0.03
"""Share of the maps' points that another map must see too for their agreement to say anything."""


def fused_or_trained(context: StageContext, engine: Engine) -> StageOutput:
    """Fuse the photos' depth maps if they are fit for it, else train with `engine`. Where there are any, engine.json
    and the message say which, and why."""
    from .training.posed_photos import read_scene

    scene = read_scene(context.workspace)
    if all(photo.depth is None for photo in scene.photos):
        return engine.fit(context)
    found, why = _judged(context, scene)
    if found is None:
        output = engine.fit(context)
        _note(context, choice=f"trained: {why}")
        return replace(output, message=f"{output.message}; depth maps not fused: {why}")
    from .depth_fusion.fusing import written

    output = written(context, found, ENGINES[DEPTH_FUSION_ENGINE])
    _note(context, choice=f"depth maps fused: {why}", in_place_of=engine.spec.name)
    return replace(output, message=f"{output.message}, in the place of a training with {engine.spec.name}: {why}")


def _judged(context: StageContext, scene: Scene) -> tuple[Fused | None, str]:
    """The aligned maps where they are to be fused, and the reason for the answer."""
    from .depth_fusion.fusing import fused

    photos = [photo for photo in scene.photos if photo.usable]
    missing = sum(photo.depth is None for photo in photos)
    if missing:
        return None, f"{missing} of {len(photos)} photos have none that fits"
    if not scene.bounded:
        return None, "the photos show more than one object apart from its background"
    try:
        found = fused(context, scene)
    except ReconstructionError as error:
        if error.code not in ("DepthInvalid", "EmptyMesh"):
            raise
        return None, error.message
    disagreement = found.disagreement
    if disagreement is None or found.aligned.overlap < OVERLAP:
        return None, "too little of the object is in two of them for it to be told whether they agree"
    differ = f"where two show the same they differ by {disagreement:.2%} of the size"
    if disagreement > AGREEMENT:
        return None, f"{differ}; up to {AGREEMENT:.1%} they are taken to agree"
    return found, f"{differ}, and up to {AGREEMENT:.1%} they are taken to agree"


def _note(context: StageContext, **said: str) -> None:
    """Into engine.json."""
    path = context.folder / FILE
    document = EngineDocument.read_if_there(path)
    if document is not None:
        write_document(path, document.model_copy(update=said))
