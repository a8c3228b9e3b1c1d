"""What an engine needs of a job and of a machine, checked before anything that takes long."""

from __future__ import annotations

from reconstruction_api.engines import EngineSpec
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.images import DepthPolicy
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.poses import PoseMethod

from .. import memory
from ..weights.checking import checked
from ..weights.known import of_engine
from .registry import others_that


def check_job(spec: ReconstructionJobSpec, engine: EngineSpec) -> None:
    """Raises InvalidSpec for a field that does not go with the engine. Those that come with the worker are known to the
    API, which refuses such a job when it is created; an engine of another package is known only here."""
    if spec.poses.method is PoseMethod.NONE and engine.needs_poses:
        message = f"spec.poses.method is None, but the engine {engine.name} needs camera poses."
        raise _invalid(message, others_that(lambda other: not other.needs_poses))
    if engine.needs_depth and spec.images.depth is DepthPolicy.NONE:
        message = f"spec.images.depth is None, but the engine {engine.name} needs depth maps."
        raise _invalid(message, others_that(lambda other: not other.needs_depth))


def check_machine(engine: EngineSpec) -> None:
    """Raises HostOutOfMemory or WeightsUnavailable. A GPU is checked where it is chosen."""
    allowed = memory.limit()
    if allowed < engine.min_memory_bytes:
        raise ReconstructionError(
            "HostOutOfMemory",
            f"The engine {engine.name} needs {_gib(engine.min_memory_bytes)} of memory; {_gib(allowed)} are allowed.",
            suggestion=f"Use a profile with more memory, or {_choose(_smaller(allowed))}.",
            details={"neededBytes": engine.min_memory_bytes, "allowedBytes": allowed},
        )
    check_weights(engine)


def check_weights(engine: EngineSpec) -> None:
    """Raises WeightsUnavailable."""
    for weights in engine.weights:
        checked(of_engine(engine, weights))


def _invalid(message: str, others: str) -> ReconstructionError:
    return ReconstructionError(
        "InvalidSpec", message, suggestion=f"Correct that field, or create a job with {others or 'another engine'}."
    )


def _smaller(allowed: int) -> str:
    return others_that(lambda other: other.min_memory_bytes <= allowed)


def _choose(others: str) -> str:
    return f"choose {others}" if others else "choose another engine"


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"
