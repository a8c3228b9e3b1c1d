"""Whether gsplat can work: its kernels are compiled when its wheel is made, or by the CUDA toolkit on first use."""

from __future__ import annotations

from reconstruction_api.errors import ReconstructionError


def check_gsplat(engine: str, instead: str) -> None:
    """Raises EngineUnavailable for an engine that needs it; `instead` says what else its user can do."""
    from gsplat.cuda import _backend

    if getattr(_backend, "_C", None) is None:
        raise ReconstructionError(
            "EngineUnavailable",
            f"spec.engine: {engine} needs gsplat's CUDA code, which this image has neither compiled nor a CUDA "
            "toolkit to compile it with.",
            suggestion=f"Ask the platform team for an image with a compiled gsplat, or {instead}.",
            details={"engine": engine, "missing": "gsplat.csrc"},
        )
