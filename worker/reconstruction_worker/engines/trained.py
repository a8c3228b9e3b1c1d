"""The scene that the train stage left, for the stages that look at it."""

from __future__ import annotations

from reconstruction_api.stages import StageName

from ..geometry.rendering import Field
from ..stage import StageContext
from .registry import engine as named


def trained_field(context: StageContext) -> Field:
    """Load the scene from `train/`, on the device that `spec.training.device` asks for."""
    from .training.device import choose_device

    engine = named(context.spec.engine)
    device = choose_device(context.spec.training.device, engine.spec)
    return engine.load(context.of(StageName.TRAIN), context.workspace, device.type)
