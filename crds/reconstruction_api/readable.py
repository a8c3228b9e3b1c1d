"""Numbers as people read them."""

from __future__ import annotations


def duration(seconds: float, *, tenths: bool = False) -> str:
    """`12 s`, `3 min 5 s`, `2 h 10 min`; below ten seconds with `tenths`: `8.1 s`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if tenths and seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def byte_size(count: float) -> str:
    """Bytes in powers of 1000, as file managers show them."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
