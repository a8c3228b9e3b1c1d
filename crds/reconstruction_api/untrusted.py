"""JSON from workers, which may be anybody's program: nothing in it can exhaust memory, break an object of Kubernetes or
forge a line. What is wrong is cut or left out; no exception but ValueError leaves this module."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar, cast

from .text import one_line

V = TypeVar("V")

INFLATED_LIMIT: Final = 256 * 1024
"""Bytes that a compressed message may unpack to; a real one is a tenth of that."""
LARGEST_WHOLE: Final = 2**63 - 1
"""Kubernetes keeps whole numbers of 64 bits."""

_DEEPEST: Final = 8
_MOST_MEMBERS: Final = 512
_LONGEST_TEXT: Final = 4000
_LONGEST_NAME: Final = 128
_LONGEST_NUMBER: Final = 400
"""Digits; Python's own limit for whole numbers is an error, and none of that length means anything."""


def inflated(data: bytes, limit: int = INFLATED_LIMIT) -> bytes:
    """What zlib has compressed; never more than `limit` bytes are made of it. Raises ValueError."""
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(data, limit + 1)
    except zlib.error as error:
        raise ValueError(f"not compressed data: {error}") from None
    if len(text) > limit or not unpacker.eof:
        raise ValueError(f"incomplete, or more than {limit} bytes")
    return text


def parsed(text: str | bytes) -> dict[str, Any]:
    """A JSON object, bounded in depth, length and numbers. Of a name that comes twice the last counts; numbers that
    are NaN, infinite or too large for Kubernetes are None. Raises ValueError."""
    if len(text) > INFLATED_LIMIT:
        raise ValueError(f"more than {INFLATED_LIMIT} bytes")
    try:
        if isinstance(text, bytes):
            text = text.decode()
        document = json.loads(text, parse_int=_whole, parse_float=_finite, parse_constant=lambda _: None)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(document, dict):
        raise ValueError("not an object")
    return cast(dict[str, Any], bounded(document))


def bounded(value: Any, depth: int = 0) -> Any:
    """JSON data that a Kubernetes object can hold: texts and names in one line, nothing long, deep or infinite."""
    if isinstance(value, str):
        return one_line(value, _LONGEST_TEXT)
    if isinstance(value, dict | list) and depth >= _DEEPEST:
        return None
    if isinstance(value, dict):
        members = list(cast(dict[str, Any], value).items())[:_MOST_MEMBERS]
        return {one_line(str(name), _LONGEST_NAME): bounded(member, depth + 1) for name, member in members}
    if isinstance(value, list):
        return [bounded(entry, depth + 1) for entry in cast(list[Any], value)[:_MOST_MEMBERS]]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int) and abs(value) > LARGEST_WHOLE:
        return None
    return value


def fitting(entries: Iterable[V], most: int, most_bytes: int, size: Callable[[V], int]) -> list[V]:
    """The first entries, up to so many and so many bytes of them; `size` says how many one takes."""
    kept: list[V] = []
    for entry in entries:
        most_bytes -= size(entry)
        if len(kept) == most or most_bytes < 0:
            break
        kept.append(entry)
    return kept


def json_bytes(value: Any) -> int:
    """How long JSON data is when it is written."""
    return len(json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace"))


def _whole(digits: str) -> int | None:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else None


def _finite(digits: str) -> float | None:
    number = float(digits) if len(digits) <= _LONGEST_NUMBER else math.inf
    return number if math.isfinite(number) else None
