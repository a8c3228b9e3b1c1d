"""The scene that the train stage left, for the stages that look at it."""

from __future__ import annotations

from reconstruction_api.stages import StageName

from ..stage import StageContext
from .base import Field
from .registry import engine as named


def trained_field(context: StageContext) -> Field:
    """Load the scene from `train/`, on the device that `spec.training.device` asks for."""
    from .nerf.device import choose_device

    engine = named(context.spec.chosen_engine)
    device = choose_device(context.spec.training.device, engine.spec)
    return engine.load(context.of(StageName.TRAIN), context.workspace, device.type)
