"""How much a source may hold."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bytes, unless the name says otherwise."""

    file_bytes: int = 200 * 10**6
    """A larger photo is dropped."""
    total_bytes: int = 20 * 10**9
    """A larger set is refused."""
    files: int = 20_000
    """Files of any kind in a folder or archive."""
    pixels: int = 250_000_000
    """A photo that claims more pixels is dropped before it is decoded."""
    compression_ratio: int = 200
    """An archive that unpacks to more than this many times its size is refused ..."""
    compression_floor_bytes: int = 32 * 2**20
    """... once it has unpacked this much: small files of one colour compress well."""


DEFAULT_LIMITS = Limits()
