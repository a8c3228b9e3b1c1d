"""Amounts as Kubernetes writes them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

_FORM: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z]*)")
_FACTORS: Final = {"": 1, "k": 10**3} | {
    f"{letter}{suffix}": base ** (power + 1)
    for power, letter in enumerate("KMGTP")
    for suffix, base in (("", 1000), ("i", 1024))
}


def byte_count(text: str) -> int:
    """`20M` is 20,000,000, `1Gi` is 1,073,741,824. Raises ValueError for anything else."""
    found = _FORM.fullmatch(text)
    if found is None or found[2] not in _FACTORS:
        raise ValueError(f"not a size: {text!r}")
    return int(Decimal(found[1]) * _FACTORS[found[2]])
