"""Tables as kubectl prints them: aligned columns, for people and for awk."""

from __future__ import annotations

from collections.abc import Sequence

_GAP = "   "


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table; line ends in a cell become spaces."""
    lines = [[" ".join(cell.split()) for cell in line] for line in (header, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return [_GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
