"""What sampling a video leaves."""

from __future__ import annotations

from dataclasses import dataclass

from .dataset import Video, VideoFrame
from .listing import SourceFile


@dataclass(frozen=True)
class Sampled:
    """A video, and the photos that were taken from it; `frames` by their names."""

    video: Video
    frames: dict[str, VideoFrame]
    files: list[SourceFile]
