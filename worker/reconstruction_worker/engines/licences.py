"""Engines whose licence somebody has to accept first."""

from __future__ import annotations

from collections.abc import Sequence

from reconstruction_api.errors import ReconstructionError

from .registry import available, engine_spec


def check_licence(engine: str, accepted: Sequence[str] | None) -> None:
    """Raises LicenseNotAccepted for an engine of this image whose licence is not among those; any may be used when
    `accepted` is None."""
    if accepted is None or engine not in available():
        return
    licence = engine_spec(engine).licence
    if licence not in accepted:
        raise ReconstructionError(
            "LicenseNotAccepted",
            f"spec.engine: the licence of {engine} is {licence!r}; "
            f"the profile accepts {', '.join(accepted) or 'none'}.",
            details={"engine": engine, "license": licence},
        )
