"""Engines whose licence somebody has to accept first."""

from __future__ import annotations

from collections.abc import Sequence

from reconstruction_api.errors import ReconstructionError

from .registry import available, engine_spec


def check_licence(engine: str, accepted: Sequence[str] | None) -> None:
    """Raises LicenseNotAccepted for an engine of this image whose licence, or that of the weights that it reads, is not
    among those; any may be used when `accepted` is None."""
    if accepted is None or engine not in available():
        return
    spec = engine_spec(engine)
    licences = {engine: spec.licence} | {f"{each.file} of {engine}": each.licence for each in spec.weights}
    for what, licence in licences.items():
        if licence not in accepted:
            raise ReconstructionError(
                "LicenseNotAccepted",
                f"spec.engine: the licence of {what} is {licence!r}; "
                f"the profile accepts {', '.join(accepted) or 'none'}.",
                details={"engine": engine, "license": licence},
            )
