"""Text from users, workers, file names and clusters, made safe to show: it can't forge a line of a log, steer a
terminal or reverse what stands beside it."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator

_STRAY: Final = "\N{REPLACEMENT CHARACTER}"
_CUT: Final = "…"

_LINE_ENDS: Final = "\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029"
_CONTROLS: Final = "\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f"
_BIDIRECTIONAL: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"

_LINE_END: Final = re.compile(f"\r\n|[{_LINE_ENDS}]")
_STEERING: Final = re.compile(f"[{_CONTROLS}{_BIDIRECTIONAL}]")
_STEERING_LINES: Final = re.compile(f"[{_CONTROLS}{_BIDIRECTIONAL}\v\f\r\x1c-\x1e\x85\u2028\u2029]")


def one_line(text: str, limit: int | None = None) -> str:
    """The text in one line: line ends and tabs become spaces, other control characters, terminal escapes and
    bidirectional controls U+FFFD, bytes of file names that are not UTF-8 question marks. What is longer than `limit`
    characters is cut off and ends with an ellipsis."""
    if limit is not None and len(text) > limit:
        text = text[: limit + 1]  # what is cut off anyway is not looked at
    if not text.isprintable():
        text = _STEERING.sub(_STRAY, _LINE_END.sub(" ", _encodable(text)))
    return text if limit is None or len(text) <= limit else text[: limit - 1] + _CUT


def lines(text: str) -> str:
    """As `one_line`, but newlines and tabs stay: for text that stands in a place of its own, such as a traceback."""
    return text if text.isprintable() else _STEERING_LINES.sub(_STRAY, _encodable(text).replace("\r\n", "\n"))


def plain(value: Any) -> Any:
    """JSON data with all its texts and names in one line."""
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, dict):
        return {one_line(str(name)): plain(member) for name, member in value.items()}  # pyright: ignore
    if isinstance(value, list):
        return [plain(entry) for entry in value]  # pyright: ignore
    return value


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _line_of(limit: int) -> AfterValidator:
    return AfterValidator(lambda text: one_line(text, limit))


MESSAGE_LIMIT: Final = 2000
"""Characters of a message in status; more of it is in logs."""

Message = Annotated[str, _line_of(MESSAGE_LIMIT)]
"""A sentence or a few for people; cut off and in one line, whoever wrote it."""

Note = Annotated[str, _line_of(400)]
"""A line beside something else, such as a stage."""

Word = Annotated[str, _line_of(253)]
"""A name."""
