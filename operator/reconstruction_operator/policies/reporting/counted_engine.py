"""Which engine a job is counted under."""

from __future__ import annotations

from typing import Any

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.metric_names import Metric, of_engine
from reconstruction_api.status import ReconstructionJobStatus

from .measures import decibels


def counted_engine(spec: ReconstructionJobSpec | None, status: ReconstructionJobStatus) -> str:
    """The engine, if the profile that the job runs with offers it; else empty: a name that a user has made up must not
    become a series of its own in everybody's metrics."""
    if spec is None or status.profile is None:
        return ""
    engine = spec.engine or status.engine or spec.chosen_engine
    return engine if engine in _offered(status) else ""


def psnr_of_others(
    spec: ReconstructionJobSpec | None, status: ReconstructionJobStatus, counted: str
) -> tuple[tuple[str, float], ...]:
    """Of several engines those whose result is not the job's: name, and PSNR of the held-out views in decibels."""
    if spec is None or spec.engines is None:
        return ()
    others = [name for name in spec.engines if name != counted and name in _offered(status)]
    found = ((name, decibels(status, of_engine(name, Metric.PSNR))) for name in others)
    return tuple((name, psnr) for name, psnr in found if psnr is not None)


def _offered(status: ReconstructionJobStatus) -> set[Any]:
    engines: list[dict[str, Any]] = (status.profile.spec.get("engines") or []) if status.profile is not None else []
    return {each.get("name") for each in engines}
