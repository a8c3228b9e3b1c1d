"""Text that people and their editors saved: UTF-8 or UTF-16, with or without a byte order mark, any line ends."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Final, TextIO

_MARKS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def decoded_text(data: bytes, errors: str = "strict") -> str:
    """The text of a file's bytes, lines ended by `\\n`. Raises UnicodeDecodeError for what is not text, unless `errors`
    says otherwise."""
    return data.decode(_encoding(data), errors).replace("\r\n", "\n").replace("\r", "\n")


def open_text(path: Path) -> TextIO:
    """A file to be read line by line, in the encoding that its first bytes tell."""
    with path.open("rb") as file:
        return path.open(encoding=_encoding(file.read(4)))


def read_text(path: Path, errors: str = "strict") -> str:
    """`decoded_text` of a file."""
    return decoded_text(path.read_bytes(), errors)


def as_utf8(data: bytes) -> bytes:
    """Bytes that begin with a mark of their encoding as UTF-8 without one; others as they are. A character that is cut
    off at the end is left out."""
    encoding = _encoding(data)
    return data if encoding == "utf-8" else data.decode(encoding, "ignore").encode()


def is_utf16(head: bytes) -> bool:
    return _encoding(head) == "utf-16"


def _encoding(head: bytes) -> str:
    return next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")
