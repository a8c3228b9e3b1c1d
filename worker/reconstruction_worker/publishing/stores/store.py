"""What publishing asks of a place: few operations, so that object storage, a web server and a folder all have them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as it lies there."""

    size: int
    tag: str
    """Changes with the content; empty where the place has no such thing."""
    version: str | None = None
    """What some storages (Google's) want to be told instead of it, when an object is to be replaced."""


@dataclass(frozen=True, slots=True)
class Headers:
    """What an object says of itself to its readers."""

    media_type: str
    cache: str
    """Value of `Cache-Control`."""


class Changed(Exception):  # noqa: N818 - an answer, not a defect
    """Somebody else has written the object meanwhile."""


class Store(Protocol):
    """A place, below a prefix; paths are relative to it, with `/`.

    Every write is seen whole or not at all. Errors are those of the libraries: `destination_errors` translates them.
    """

    part_bytes: int
    """Size of the parts in which `send` wants its content."""
    tells_checksums: bool
    """Whether a tag may be the MD5 of an object or of its parts; otherwise nobody need compute them."""

    def find(self, path: str) -> Stored | None:
        """None where there is no such object."""
        ...

    def send(self, path: str, parts: Iterable[bytes], size: int, headers: Headers) -> None:
        """Write an object of any size; each part but the last has `part_bytes`."""
        ...

    def write(self, path: str, content: bytes, headers: Headers, *, instead_of: Stored | None) -> None:
        """Write a small object in place of the one that was found, or where none was. Raises Changed where another one
        is there by now, as far as the place can tell."""
        ...

    def read(self, path: str) -> Iterator[bytes]:
        """Raises FileNotFoundError."""
        ...

    def names(self, folder: str) -> list[str]:
        """Paths of all objects below a folder; of everything where it is empty."""
        ...

    def delete(self, paths: list[str]) -> None:
        """What is not there any more is no mistake."""
        ...
