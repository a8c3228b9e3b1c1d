"""Numbers as the page shows them."""

from __future__ import annotations


def number(value: float | None, digits: int) -> str | None:
    """With so many digits; None where there is no number."""
    return None if value is None else f"{value:.{digits}f}"
