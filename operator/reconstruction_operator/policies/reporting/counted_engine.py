"""Which engine a job is counted under."""

from __future__ import annotations

from typing import Any

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.status import ReconstructionJobStatus


def counted_engine(spec: ReconstructionJobSpec | None, status: ReconstructionJobStatus) -> str:
    """The engine, if the profile that the job runs with offers it; else empty: a name that a user has made up must not
    become a series of its own in everybody's metrics."""
    if spec is None or status.profile is None:
        return ""
    engine = spec.engine or status.engine or spec.chosen_engine
    engines: list[dict[str, Any]] = status.profile.spec.get("engines") or []
    return engine if any(each.get("name") == engine for each in engines) else ""
