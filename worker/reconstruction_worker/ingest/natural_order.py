"""The order in which people count: `2.jpg` before `10.jpg`."""

from __future__ import annotations

import re
from typing import Final

_DIGITS: Final = re.compile(r"(\d+)")

Key = tuple[tuple[tuple[int, int, str], ...], str]


def natural_order(name: str) -> Key:
    """A sort key under which runs of digits count as numbers; what is equal then keeps the order of its characters."""
    parts = _DIGITS.split(name)
    key = tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)
    return key, name
