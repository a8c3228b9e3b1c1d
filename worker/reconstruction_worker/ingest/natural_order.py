"""The order in which people count: `2.jpg` before `10.jpg`."""

from __future__ import annotations

import re
from typing import Final

_DIGITS: Final = re.compile(r"(\d+)")

Part = tuple[int, int, str]


def natural_order(name: str) -> tuple[tuple[tuple[Part, ...], ...], str]:
    """A sort key for paths, folder by folder, under which runs of digits count as numbers; what is equal then keeps the
    order of its characters."""
    return tuple(map(_parts, name.split("/"))), name


def _parts(component: str) -> tuple[Part, ...]:
    split = _DIGITS.split(component)
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in split if part)
