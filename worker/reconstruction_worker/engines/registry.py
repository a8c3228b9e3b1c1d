"""Which engines are installed: those named by entry points of the group `reconstruction.engines`.

An entry point names an object with `spec`, `fit` and `load` (see `base.Engine`), or a class of such objects. Its module
imports heavy libraries inside functions only, so that listing engines stays cheap.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.stage_table import listed as named_in_a_row

from .base import Engine, EngineSpec

GROUP: Final = "reconstruction.engines"


def available() -> dict[str, EntryPoint]:
    """Installed engines by name, ordered by name; nothing is imported."""
    return {point.name: point for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)}


def engine(name: str) -> Engine:
    """The engine of that name. Raises EngineUnavailable, naming those there are."""
    points = available()
    if name not in points:
        raise unavailable(name, list(points))
    try:
        loaded = points[name].load()
    except ImportError as error:
        raise ReconstructionError(
            "EngineUnavailable",
            f"spec.engine: the installation of '{name}' is incomplete: {error.name} is missing.",
            details={"engine": name, "missing": error.name},
        ) from error
    return loaded() if isinstance(loaded, type) else loaded


def engine_spec(name: str) -> EngineSpec:
    """What the engine of that name needs and allows. Raises EngineUnavailable."""
    return engine(name).spec


def unavailable(name: str, known: list[str]) -> ReconstructionError:
    """The error for an engine that is not among the known ones, with the one that was probably meant."""
    close = get_close_matches(name, known, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    listed = ", ".join(known) or "none"
    return ReconstructionError(
        "EngineUnavailable",
        f"spec.engine: there is no engine '{name}'.{hint} Installed here: {listed}.",
        details={"engine": name, "available": known},
    )


def suggestion_for(photos: int) -> str | None:
    """Which of the installed engines take so many photos; None where none does."""
    specs = [spec for name in available() if (spec := _spec_of(name)) is not None]
    fitting = [spec for spec in specs if spec.min_images <= photos <= spec.max_images]
    listed = ", ".join(f"{spec.name} ({spec.min_images} to {spec.max_images})" for spec in fitting)
    return f"Add or remove photos, or choose an engine that takes {photos}: {listed}." if fitting else None


def others_that(fit: Callable[[EngineSpec], bool]) -> str:
    """The installed engines that would do instead, as `a, b or c`; empty where none would."""
    specs = [spec for name in available() if (spec := _spec_of(name)) is not None]
    names = [spec.name for spec in specs if fit(spec)]
    return named_in_a_row(names) if names else ""


def _spec_of(name: str) -> EngineSpec | None:
    """None for an engine whose installation is incomplete: it is no help."""
    try:
        return engine_spec(name)
    except ReconstructionError:
        return None
