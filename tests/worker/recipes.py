"""Reads docs/extending.md: new files, changes and commands, section by section."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

_HEADING = re.compile(r"^## (.+)$")
_NAMES_FILE = re.compile(r"^`([^`]+)`(?P<new> \(new\))?:$")
_FENCE = re.compile(r"^```(\w*)$")


@dataclass(frozen=True)
class NewFile:
    path: str
    text: str

    def apply(self, root: Path) -> None:
        target = root / self.path
        assert not target.exists(), f"docs/extending.md: {self.path} is there already"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(self.text)


@dataclass(frozen=True)
class Change:
    """Lines of a file that are replaced; they must be there exactly once."""

    path: str
    diff: tuple[str, ...]

    def apply(self, root: Path) -> None:
        target = root / self.path
        old, new = self._side("-"), self._side("+")
        text = target.read_text()
        count = text.count(old)
        assert count == 1, (
            f"docs/extending.md changes these lines of {self.path}, which are {count} times there:\n{old}"
        )
        target.write_text(text.replace(old, new))

    def _side(self, mark: str) -> str:
        return "".join(f"{line[1:]}\n" for line in self.diff if line[:1] in (" ", mark))


@dataclass(frozen=True)
class Commands:
    lines: tuple[str, ...]


@dataclass
class Recipe:
    """A section of the page."""

    title: str
    steps: list[NewFile | Change | Commands] = field(default_factory=list)

    @property
    def files(self) -> set[str]:
        """That are written or changed by hand."""
        return {step.path for step in self.steps if not isinstance(step, Commands)}


def recipes_of(page: str) -> list[Recipe]:
    """The sections with steps, in the page's order. Raises AssertionError for a block that nothing can be done with."""
    result: list[Recipe] = []
    path, new = "", False
    lines = iter(page.splitlines())
    for line in lines:
        if found := _HEADING.match(line):
            result.append(Recipe(found[1]))
        elif found := _NAMES_FILE.match(line):
            path, new = found[1], found["new"] is not None
        elif found := _FENCE.match(line):
            block: list[str] = []
            while (inner := next(lines)) != "```":
                block.append(inner)
            result[-1].steps.append(_step(found[1], path, new, block))
    return [recipe for recipe in result if recipe.steps]


def _step(language: str, path: str, new: bool, block: list[str]) -> NewFile | Change | Commands:
    if language == "sh":
        return Commands(tuple(block))
    assert path, f"docs/extending.md: nothing says which file this is:\n{block[0]}"
    if language == "diff":
        assert not new
        return Change(path, tuple(block))
    assert new, f"docs/extending.md: {path} is shown as a whole, but not marked as new"
    return NewFile(path, "\n".join(block) + "\n")
