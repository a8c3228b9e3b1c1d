"""Secrets made up for a test, and where any of them has been found."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

MARK = "C4N4RY"
"""In every canary, so that a part of one is found as well."""


def canary(field: str) -> str:
    """A secret for a field. Of letters and digits, so that neither addresses, JSON nor base64 write it otherwise."""
    name = re.sub("[^A-Za-z0-9]", "", field)
    return f"{MARK}{name}{MARK}0123456789"


def traces(place: str, content: str | bytes) -> list[str]:
    """Where canaries stand in a content, whatever surrounds them; also in base64."""
    data = content.encode(errors="surrogateescape") if isinstance(content, str) else content
    wanted = {MARK.encode(), *_in_base64(MARK.encode())}
    return [f"{place}: ...{data[max(0, at - 60) : at + 60]!r}..." for form in wanted if (at := data.find(form)) >= 0]


def traces_below(folder: Path) -> list[str]:
    """Of every file, in its name too."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [each for path in files for each in (*traces("name", str(path)), *traces(str(path), path.read_bytes()))]


def _in_base64(mark: bytes) -> Iterator[bytes]:
    """What base64 makes of the mark at each of the three places that it can begin at."""
    for before in range(3):
        text = base64.b64encode(b"\0" * before + mark + b"\0\0")
        yield text[(0, 2, 3)[before] : (before + len(mark)) * 8 // 6]
