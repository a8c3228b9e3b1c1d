"""Stage `train`: the engine named in the spec learns the scene."""

from __future__ import annotations

from ..engines.registry import engine
from ..stage import StageContext, StageOutput


def run(context: StageContext) -> StageOutput:
    return engine(context.spec.chosen_engine).fit(context)
