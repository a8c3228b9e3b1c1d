"""The libraries of the engine that a job has chosen, as far as it is installed here."""

from __future__ import annotations

from reconstruction_api.errors import ReconstructionError

from .engines.registry import available, engine_spec
from .libraries import Versions, decisive, installed


def libraries_for(engine: str) -> Versions:
    """What a stage of a job with this engine is run with: the worker's libraries and those of the engine's package."""
    point = available().get(engine)
    if point is None:
        return installed()
    own = [point.dist.name] if point.dist is not None else []
    return {**installed(*own), **decisive_libraries(engine)}


def decisive_libraries(engine: str) -> Versions:
    """Those whose versions the engine's results change with; empty where it is not installed, as nothing can be made
    with it then."""
    if engine not in available():
        return {}
    try:
        return decisive(engine_spec(engine))
    except ReconstructionError:
        return {}
