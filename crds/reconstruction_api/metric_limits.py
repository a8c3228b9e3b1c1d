"""Measured numbers in `status.metrics`: which names there are, and how many fit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from .metric_names import Metric
from .text import one_line
from .untrusted import LARGEST_WHOLE

Metrics = dict[str, str | int]

KNOWN: Final = tuple(Metric)
"""Those of the workers of this release; kept before any other."""

MOST: Final = 48
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,62}")
_LONGEST: Final = 128


def clean(metrics: Mapping[str, object]) -> Metrics:
    """Only what status can hold: names without spaces or control characters, short texts, numbers of 64 bits; at most
    MOST of them."""
    result: Metrics = {}
    for name, value in metrics.items():
        if not _NAME.fullmatch(name):
            continue
        if isinstance(value, str):
            result[name] = one_line(value, _LONGEST)
        elif isinstance(value, float):
            result[name] = f"{value:.6g}"
        elif isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST_WHOLE:
            result[name] = value
    return limited(result)


def limited(metrics: Metrics) -> Metrics:
    """At most MOST of them: the known ones, then those that were there first."""
    if len(metrics) <= MOST:
        return metrics
    known = [name for name in KNOWN if name in metrics]
    others = [name for name in metrics if name not in KNOWN]
    kept = {*known, *others[: MOST - len(known)]}
    return {name: value for name, value in metrics.items() if name in kept}
