"""How much a source may hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.worker import SourceLimits

from .formats import may_hold_poses, named_like_video


@dataclass(frozen=True)
class Limits:
    """Bytes, unless the name says otherwise."""

    file_bytes: int = 200 * 10**6
    """A larger photo is dropped."""
    pose_file_bytes: int = 2 * 10**9
    """A larger file of camera poses is ignored; points of a large scene take their room."""
    video_bytes: int = 10 * 10**9
    """A larger video is dropped."""
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
    images: int | None = None
    """Most usable photos; as many as the engine takes when None."""

    def allowed_bytes(self, name: str) -> int:
        """How large the file of that name may be."""
        if may_hold_poses(name):
            return self.pose_file_bytes
        return self.video_bytes if named_like_video(name) else self.file_bytes

    def allowing(self, allowed: SourceLimits) -> Limits:
        """The same, as far as a profile says nothing else."""
        return replace(
            self,
            images=allowed.max_images or self.images,
            file_bytes=allowed.max_file_bytes or self.file_bytes,
            total_bytes=allowed.max_set_bytes or self.total_bytes,
        )


DEFAULT_LIMITS: Final = Limits()

VARIABLES: Final = {
    "RECONSTRUCTION_MAX_FILE_BYTES": ("file_bytes", 1),
    "RECONSTRUCTION_MAX_SET_BYTES": ("total_bytes", 1),
    "RECONSTRUCTION_MAX_FILES": ("files", 1),
    "RECONSTRUCTION_MAX_VIDEO_BYTES": ("video_bytes", 1),
    "RECONSTRUCTION_MAX_MEGAPIXELS": ("pixels", 10**6),
}
"""Environment variables, with the limit that each sets and its unit."""


def limits_from(environment: Mapping[str, str]) -> Limits:
    """The limits of this worker. Raises InvalidSpec for a variable that is not a positive whole number."""
    found: dict[str, int] = {}
    for variable, (field, unit) in VARIABLES.items():
        text = environment.get(variable)
        if text is None:
            continue
        if not text.isascii() or not text.isdigit() or not int(text[:20]) > 0 or len(text) > 18:
            raise ReconstructionError(
                "InvalidSpec",
                f"The environment variable {variable} must be a positive whole number, not '{text[:40]}'.",
                suggestion="Correct the profile's limits, or the variable.",
            )
        found[field] = int(text) * unit
    return replace(DEFAULT_LIMITS, **found)
