"""Names of files as web addresses write them."""

from __future__ import annotations

from urllib.parse import unquote


def is_web(address: str) -> bool:
    return address.startswith(("http://", "https://"))


def decoded(path: str) -> str:
    """`photo%201.jpg` as the file is called. A part that would be no name any more (another path, control characters,
    not UTF-8) stays as it is."""
    return "/".join(map(_decoded, path.split("/")))


def _decoded(part: str) -> str:
    try:
        name = unquote(part, errors="strict")
    except UnicodeDecodeError:
        return part
    safe = name not in (".", "..") and not any(mark in "/\\\x7f" or mark < " " for mark in name)
    return name if safe else part
