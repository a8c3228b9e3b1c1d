"""Some of many, evenly taken."""

from __future__ import annotations


def evenly(total: int, count: int) -> list[int]:
    """Places of `count` of `total`, each in the middle of its share; `count` is at most `total`."""
    return [int((i + 0.5) * total / count) for i in range(count)]
