"""Messages, field descriptions and documentation keep to plain technical English.

Each phrase below was once in a message: it is either a word that no other project uses for the thing, or one that means
something else to native readers. What the pattern may not match is a phrase of its own (`go on strike` does not occur).
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLAIN = {
    r"ends? well|ended well": "complete, completed",
    r"(?:go|goes|gone|went) on": "continue",
    r"mend(?:s|ed|ing)?": "fix",
    r"anew": "again; start over",
    r"for ever": "forever",
    r"(?:hand|hands|handed) on": "forward",
    r"(?:told|tells) (?:to|of|by|about|that|it|how|what|once)": "notified, delivered, reported, shown",
    r"(?:makes?|made) no headway|comes? no further": "make no progress",
    r"brings? about|brought about": "ensure, cause",
    r"(?:Seconds|deadline|retention) is over": "has elapsed",
    r"not finite": "NaN or infinite",
    r"can't be made": "can't be provisioned, can't be created",
}
"""What must not be there, and what to write."""
PHRASES = re.compile(r"\b(?:" + "|".join(f"(?P<p{number}>{each})" for number, each in enumerate(PLAIN)) + r")\b")

PACKAGES = ("crds/reconstruction_api", "operator", "worker", "cli")
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "docs", "charts", "examples")


def tracked(*paths: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z", "--", *paths], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name]


def texts_of(path: Path) -> Iterator[tuple[int, str]]:
    """Strings and docstrings of a module, with their lines; those of a formatted string without what is filled in."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def paragraphs_of(path: Path) -> Iterator[tuple[int, str]]:
    """Blocks of lines without an empty one, with their first line."""
    line = 1
    for block in re.split(r"(\n\s*\n)", path.read_text(encoding="utf-8")):
        yield line, block
        line += block.count("\n")


def faults(path: Path, texts: Iterator[tuple[int, str]]) -> list[str]:
    """Where a text has one of the phrases; a line break within one is a space."""
    wanted = list(PLAIN.values())
    found = []
    for line, text in texts:
        for match in PHRASES.finditer(" ".join(text.split())):
            number = int((match.lastgroup or "p0")[1:])
            found.append(f"{path.relative_to(ROOT)}:{line}: {match[0]!r}; write: {wanted[number]}")
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_messages_and_docstrings_are_in_plain_words(package: str) -> None:
    modules = [path for path in tracked(package) if path.suffix == ".py" and path.name != "first_release.py"]
    assert modules
    assert [fault for path in modules for fault in faults(path, texts_of(path))] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documentation_is_in_plain_words(document: str) -> None:
    pages = [path for path in tracked(document) if path.suffix in (".md", ".yaml", ".tpl", ".txt")]
    assert pages
    assert [fault for path in pages for fault in faults(path, paragraphs_of(path))] == []


def test_a_phrase_is_found_across_lines_and_named_with_its_replacement() -> None:
    (fault,) = faults(ROOT / "x.py", iter([(3, "The stage has ended\n    well.")]))
    assert fault == "x.py:3: 'ended well'; write: complete, completed"
