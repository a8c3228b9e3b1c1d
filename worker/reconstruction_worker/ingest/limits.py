"""How much a source may hold."""

from __future__ import annotations

from dataclasses import dataclass

from .formats import named_like_poses


@dataclass(frozen=True)
class Limits:
    """Bytes, unless the name says otherwise."""

    file_bytes: int = 200 * 10**6
    """A larger photo is dropped."""
    pose_file_bytes: int = 2 * 10**9
    """A larger file of camera poses is ignored; points of a large scene take their room."""
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

    def allowed_bytes(self, name: str) -> int:
        """How large the file of that name may be."""
        return self.pose_file_bytes if named_like_poses(name) else self.file_bytes


DEFAULT_LIMITS = Limits()
