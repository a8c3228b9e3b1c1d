"""What a figure of quality rests on: which views it is measured at, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import stdev
from typing import Final

from scipy.special import stdtrit

from ..evenly import evenly

LOOKED_AT: Final = 4
"""Held-out photos that a training looks at, evenly taken from all of them."""
CONFIDENCE: Final = 0.95
FEWEST: Final = 2
"""Views from which on a mean says something of others."""
ENOUGH: Final = 5
"""Views that a mesh is judged by where fewer were held out, as far as there are photos."""
MOST_LEFT_OUT: Final = 4
"""One of so many photos may be kept from the texture for that."""
ONE_VIEW: Final = "a single view says little of others"
SAME_VIEWS: Final = "early stopping has chosen the result by the same views"


def looked_at(count: int) -> list[int]:
    """Which of so many held-out photos a training looks at, by their places."""
    return evenly(count, min(count, LOOKED_AT))


def judged_by(held_out: Sequence[str], *, early_stopping: bool) -> tuple[list[str], str | None]:
    """The held-out photos that a result is judged by, and what is to be said of them. Those that early stopping looks
    at are none of them, as far as there are others."""
    if early_stopping and held_out:
        chosen = {held_out[index] for index in looked_at(len(held_out))}
        others = [name for name in held_out if name not in chosen]
        return (others, None) if len(others) >= FEWEST else (list(held_out), SAME_VIEWS)
    return list(held_out), ONE_VIEW if len(held_out) == 1 else None


def kept_from_texture(judged: int, others: Sequence[str]) -> list[str]:
    """Photos that a mesh is judged by beside those that were held out, evenly taken from the `others`: the shape has
    been made with them, but colours that are compared with a photo must not be its own."""
    count = min(max(ENOUGH - judged, 0), len(others) // MOST_LEFT_OUT)
    return [others[index] for index in evenly(len(others), count)]


def margin(values: Sequence[float]) -> float | None:
    """Half the width of the 95 % confidence interval of a mean (Student's t); None where a single value has none."""
    if len(values) < FEWEST:
        return None
    quantile = float(stdtrit(len(values) - 1, (1 + CONFIDENCE) / 2))
    return quantile * stdev(values) / math.sqrt(len(values))
