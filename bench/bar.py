"""What a figure is held against."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """One requirement, whether the figures meet it, and what was found."""

    what: str
    met: bool
    found: str

    def line(self) -> str:
        """An item of a list in Markdown."""
        return f"- {'✓' if self.met else '✗'} {self.what}: **{self.found}**"

    def __str__(self) -> str:
        return f"{'met   ' if self.met else 'MISSED'} {self.what}: {self.found}"
