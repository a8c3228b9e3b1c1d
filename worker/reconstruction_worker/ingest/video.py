"""Photos from a video: evenly spread over it, and of neighbouring frames the sharpest."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from reconstruction_api.errors import ReconstructionError

from ..stage import Stopped
from .dataset import Video, VideoFrame
from .listing import SourceFile
from .sampled import Sampled

SEARCHED_SHARE: Final = 0.6
"""Middle part of each stretch in which the sharpest frame is looked for, so that neighbours stay evenly spread."""
CANDIDATES: Final = 10
"""Frames of a stretch that are looked at."""
MEASURED_SIDE: Final = 640
"""Longer side of the grey picture on which sharpness is measured."""
JPEG_QUALITY: Final = 96
MAX_FRAMES: Final = 2_000_000
"""Of a video; more is a damaged header or hours at a high rate."""
MISCOUNT: Final = 0.1
"""Share by which a container may be wrong about its number of frames before the video is read again."""

Picture = NDArray[np.uint8]


@dataclass
class _Best:
    index: int
    sharpness: float
    picture: Picture


def sample(
    video: SourceFile,
    wanted: int,
    into: Path,
    report: Callable[[str], None],
    stop_requested: Callable[[], bool],
) -> Sampled:
    """Take `wanted` photos (fewer where there are fewer frames) into an empty folder. Raises UnsupportedFormat or
    ImageCorrupt, naming the video."""
    capture = _open(video)
    try:
        rate = capture.get(cv2.CAP_PROP_FPS)
        rate = rate if np.isfinite(rate) and 0.1 < rate < 10_000 else 30.0
        declared = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        count = int(declared) if np.isfinite(declared) and 0 < declared < MAX_FRAMES else 0
    finally:
        capture.release()
    found, read = _pick(video, count, wanted, report, stop_requested) if count else ([], -1)
    if read < 0 or abs(read - count) > MISCOUNT * count:
        count = read if read > 0 else _count(video, stop_requested)
        found, read = _pick(video, count, wanted, report, stop_requested)
    if not found:
        raise _unreadable(video)
    return _write(video, found, read, rate, into)


def size_of(video: SourceFile) -> tuple[int, int]:
    """Width and height of its first frame in pixels. Raises ImageCorrupt, naming the video."""
    capture = _open(video)
    try:
        okay, picture = capture.read()
    finally:
        capture.release()
    if not okay:
        raise _unreadable(video)
    height, width = picture.shape[:2]
    return width, height


def _open(video: SourceFile) -> cv2.VideoCapture:
    # A container may name other files and addresses; nothing but the file itself is to be read.
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "protocol_whitelist;file"
    capture = cv2.VideoCapture(str(video.path), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise _unreadable(video)
    return capture


def _unreadable(video: SourceFile) -> ReconstructionError:
    return ReconstructionError(
        "ImageCorrupt",
        f"{video.name} can't be decoded: the video is damaged or cut off, or its codec is not known here.",
        suggestion="Export the video as MP4 (H.264) again, or repeat the upload.",
    )


def _count(video: SourceFile, stop_requested: Callable[[], bool]) -> int:
    capture = _open(video)
    try:
        count = 0
        while capture.grab() and count < MAX_FRAMES:
            count += 1
            if stop_requested():
                raise Stopped
        return count
    finally:
        capture.release()


def _pick(
    video: SourceFile, count: int, wanted: int, report: Callable[[str], None], stop_requested: Callable[[], bool]
) -> tuple[list[_Best], int]:
    """The sharpest frame of each of `wanted` stretches of `count` frames, encoded, and how many frames there were."""
    if count <= 0:
        return [], 0
    stretches = min(wanted, count)
    candidates = dict(_candidates(count, stretches))
    best: dict[int, _Best] = {}
    capture = _open(video)
    index = 0
    try:
        while index < MAX_FRAMES and capture.grab():
            if stop_requested():
                raise Stopped
            stretch = candidates.get(index)
            if stretch is not None:
                okay, picture = capture.retrieve()
                if okay:
                    frame = picture.astype(np.uint8, copy=False)
                    sharpness = _sharpness(frame)
                    if stretch not in best or sharpness > best[stretch].sharpness:
                        best[stretch] = _Best(index, sharpness, _encoded(frame))
                report(f"looked at {index + 1} of {count} frames of {video.name}")
            index += 1
    finally:
        capture.release()
    return [best[stretch] for stretch in sorted(best)], index


def _candidates(count: int, stretches: int) -> Iterator[tuple[int, int]]:
    """Frames to look at, each with its stretch."""
    length = count / stretches
    for stretch in range(stretches):
        middle = (stretch + 0.5) * length
        reach = SEARCHED_SHARE * length / 2
        frames = np.linspace(middle - reach, middle + reach, max(1, min(CANDIDATES, round(2 * reach))))
        for frame in dict.fromkeys(frames.astype(int).tolist()):
            yield frame, stretch


def _sharpness(picture: Picture) -> float:
    """Variance of the Laplacian (Pech-Pacheco et al., ICPR 2000)."""
    scale = min(1.0, MEASURED_SIDE / max(picture.shape[:2]))
    size = max(3, round(picture.shape[1] * scale)), max(3, round(picture.shape[0] * scale))
    small = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), size, interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(small, cv2.CV_32F).var())


def _encoded(picture: Picture) -> Picture:
    """As JPEG: hundreds of raw frames would not fit into memory."""
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111]
    okay, data = cv2.imencode(".jpg", picture, options)
    if not okay:
        raise ValueError("a frame could not be encoded")
    return data.astype(np.uint8, copy=False)


def _write(video: SourceFile, found: list[_Best], read: int, rate: float, into: Path) -> Sampled:
    stem = PurePosixPath(video.name).stem or "video"
    files: list[SourceFile] = []
    frames: dict[str, VideoFrame] = {}
    for best in found:
        path = into / f"{best.index:07d}.jpg"
        path.write_bytes(best.picture.tobytes())
        name = f"{stem}-{best.index:06d}.jpg"
        files.append(SourceFile(name, path, path.stat().st_size))
        seconds, sharpness = round(best.index / rate, 3), round(best.sharpness, 2)
        frames[name] = VideoFrame(video=video.name, index=best.index, seconds=seconds, sharpness=sharpness)
    height, width = cv2.imdecode(found[0].picture, cv2.IMREAD_UNCHANGED).shape[:2]
    summary = Video(
        name=video.name, width=width, height=height, frames=read, frames_per_second=round(rate, 3), taken=len(found)
    )
    return Sampled(summary, frames, files)
