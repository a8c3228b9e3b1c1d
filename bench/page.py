"""Tables of figures in the documentation, between two markers."""

from __future__ import annotations

from pathlib import Path


def begin_of(name: str) -> str:
    """The marker before the table that `make NAME` writes."""
    return f"<!-- {name}: written by make {name} -->"


def end_of(name: str) -> str:
    return f"<!-- end of {name} -->"


def write(page: Path, name: str, table: str) -> None:
    """Replace the table of that name; raises ValueError where the page has no place for it."""
    before, begin, rest = page.read_text().partition(begin_of(name))
    _, end, after = rest.partition(end_of(name))
    if not begin or not end:
        raise ValueError(f"{page.name} has no markers for {name}")
    page.write_text(f"{before}{begin}\n{table}\n{end}{after}")
