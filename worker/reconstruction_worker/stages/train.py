"""Stage `train`: the engine named in the spec learns the scene."""

from __future__ import annotations

from reconstruction_api.training import DepthFusion

from ..engines.engine_document import EngineDocument
from ..engines.fused_or_trained import fused_or_trained
from ..engines.registry import engine
from ..engines.requirements import check_job, check_machine
from ..stage import StageContext, StageOutput
from ..turntable.requirements import check_turntable

DOCUMENT = EngineDocument


def run(context: StageContext) -> StageOutput:
    """Raises InvalidSpec, HostOutOfMemory or WeightsUnavailable where the engine can't do its work, or what comes later
    can't."""
    chosen = engine(context.spec.chosen_engine)
    check_job(context.spec, chosen.spec)
    check_machine(chosen.spec)
    check_turntable(context.spec, chosen.spec.makes)
    if context.spec.training.depth_fusion is DepthFusion.AUTO and not chosen.spec.needs_depth:
        return fused_or_trained(context, chosen)
    return chosen.fit(context)
