"""How many photos a job may have: what its engine takes, and what its profile allows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.poses import PoseMethod

from ..engines.base import EngineSpec
from ..engines.registry import available, engine_spec, others_that, suggestion_for
from ..stage import StageContext
from .dataset import FILE, Dataset
from .limits import Limits, limits_from
from .listing import describe

MIN_IMAGES: Final = 2
"""Fewer photos show no depth, whatever the engine."""


def check_count(context: StageContext, dataset: Dataset, others: Sequence[str]) -> None:
    """Raise the code of what was dropped when that explains why too few photos are left, else ImageCountOutOfRange."""
    bounds = _bounds(context)
    least = max(bounds, key=lambda each: each.min_images, default=None)
    minimum = max(MIN_IMAGES, least.min_images if least else 0)
    count = len(dataset.images)
    broken = [item for item in dataset.dropped if item.code != "Duplicate"]
    details = {
        "images": count,
        "minimum": minimum,
        "dropped": [f"{item.name}: {item.code}" for item in dataset.dropped[:10]],
    }
    if count < minimum:
        if broken and (count == 0 or count + len(broken) >= minimum):
            raise ReconstructionError(broken[0].code, broken[0].message, details=details)
        found = {0: "no photos", 1: "one photo"}.get(count, f"{count} photos")
        copies = sum(item.code == "Duplicate" for item in dataset.dropped)
        extra = f" ({copies} more {'is a copy' if copies == 1 else 'are copies'})" if copies else ""
        archives = [name for name in others if name.lower().endswith((".zip", ".tar", ".tgz", ".tar.gz"))]
        hint = f" It holds {archives[0]}: name that file in spec.source to use it." if archives and not count else ""
        who = least.name if least is not None else "a reconstruction"
        raise ReconstructionError(
            "ImageCountOutOfRange",
            f"{describe(context.spec.source)} has {found}{extra}; {who} needs at least {minimum}.{hint}",
            suggestion=suggestion_for(count),
            details=details,
        )
    most = min(bounds, key=lambda each: each.max_images, default=None)
    if most is not None and count > most.max_images:
        raise ReconstructionError(
            "ImageCountOutOfRange",
            f"{describe(context.spec.source)} has {count} photos; {most.name} takes at most {most.max_images}.",
            suggestion=suggestion_for(count),
            details={"images": count, "maximum": most.max_images},
        )


def check_depth(context: StageContext, dataset: Dataset) -> None:
    """Raises DepthInvalid where the engine needs a depth map for each photo, and one has none."""
    if context.spec.poses.method is PoseMethod.FEED_FORWARD:
        return  # a network sees depth along with the poses
    needing = next((each for each in _bounds(context) if each.needs_depth), None)
    if needing is None:
        return
    missing = [image.original.name for image in dataset.images if image.depth is None]
    if missing:
        shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        raise ReconstructionError(
            "DepthInvalid",
            f"The engine {needing.name} needs a depth map for each photo; there is none for {shown}.",
            suggestion=f"Add the missing maps, or choose {_without_depth(len(dataset.images))}.",
            details={"missing": missing[:100]},
        )


def _without_depth(photos: int) -> str:
    """Engines that need no maps and take so many photos."""
    fitting = others_that(lambda other: not other.needs_depth and other.min_images <= photos <= other.max_images)
    return fitting or "an engine that needs none"


def check_allowed(context: StageContext, dataset: Dataset, limits: Limits) -> None:
    """Of two bounds the engine's is reported first: no profile can raise it."""
    count = len(dataset.images)
    if limits.images is not None and count > limits.images:
        raise ReconstructionError(
            "ImageCountOutOfRange",
            f"{describe(context.spec.source)} has {count} photos; the profile allows at most {limits.images}.",
            suggestion="Leave photos out, or ask for a profile that allows more.",
            details={"images": count, "maximum": limits.images},
        )


def check_reused(context: StageContext) -> None:
    """The same for photos that another job has prepared, for its own engine and profile."""
    dataset = Dataset.model_validate_json((context.folder / FILE).read_bytes())
    check_count(context, dataset, [])
    check_depth(context, dataset)
    check_allowed(context, dataset, limits_from(os.environ).allowing(context.limits))


def _bounds(context: StageContext) -> list[EngineSpec]:
    """What the engines take, as far as they are installed here; nothing is to be trained where the job ends before."""
    if context.spec.end_after is not None:
        return []
    installed = available()
    return [engine_spec(engine) for engine in context.spec.all_engines if engine in installed]
