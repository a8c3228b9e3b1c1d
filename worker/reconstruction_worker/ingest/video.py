"""Photos from a video: evenly spread over it, and of neighbouring frames the sharpest."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from reconstruction_api.errors import ReconstructionError

from ..files import empty_folder
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


@dataclass(frozen=True)
class _Best:
    """The sharpest frame of a stretch so far."""

    stretch: int
    index: int
    sharpness: float
    picture: Picture


@dataclass(frozen=True)
class _Taken:
    """A frame that is in a file; width and height in pixels."""

    index: int
    sharpness: float
    file: Path
    size: tuple[int, int]


def frame_stems(videos: Sequence[SourceFile]) -> list[str]:
    """For each video what the names of its frames begin with: its own name, with its folders where others share it."""
    paths = [PurePosixPath(video.name).with_suffix("") for video in videos]
    uses = Counter(path.name for path in paths)
    result: list[str] = []
    for path in paths:
        wanted = path.name if uses[path.name] == 1 else "_".join(path.parts)
        candidate, number = wanted, 2
        while candidate in result:
            candidate, number = f"{wanted}_{number}", number + 1
        result.append(candidate)
    return result


def sample(
    video: SourceFile,
    stem: str,
    wanted: int,
    into: Path,
    report: Callable[[str], None],
    stop_requested: Callable[[], bool],
) -> Sampled:
    """Take `wanted` photos (fewer where there are fewer frames), whose names begin with `stem`, into the folder `into`,
    which is emptied. Raises UnsupportedFormat or ImageCorrupt, naming the video."""
    capture = _open(video)
    try:
        rate = capture.get(cv2.CAP_PROP_FPS)
        rate = rate if np.isfinite(rate) and 0.1 < rate < 10_000 else 30.0
        declared = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        count = int(declared) if np.isfinite(declared) and 0 < declared < MAX_FRAMES else 0
    finally:
        capture.release()
    found, read = _pick(video, count, wanted, into, report, stop_requested) if count else ([], -1)
    if read < 0 or abs(read - count) > MISCOUNT * count:
        count = read if read > 0 else _count(video, stop_requested)
        found, read = _pick(video, count, wanted, into, report, stop_requested)
    if not found:
        raise _unreadable(video)
    return _sampled(video, stem, found, read, rate)


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
    video: SourceFile,
    count: int,
    wanted: int,
    into: Path,
    report: Callable[[str], None],
    stop_requested: Callable[[], bool],
) -> tuple[list[_Taken], int]:
    """The sharpest frame of each of `wanted` stretches of `count` frames, and how many frames there were. Each is
    written when its stretch ends: hundreds of frames would not fit into memory."""
    empty_folder(into)
    if count <= 0:
        return [], 0
    stretches = min(wanted, count)
    candidates = dict(_candidates(count, stretches))
    taken: list[_Taken] = []
    best: _Best | None = None
    capture = _open(video)
    index = 0
    try:
        while index < MAX_FRAMES and capture.grab():
            if stop_requested():
                raise Stopped
            stretch = candidates.get(index)
            if stretch is not None:
                if best is not None and best.stretch != stretch:
                    taken.append(_write(best, into))
                    best = None
                okay, picture = capture.retrieve()
                if okay:
                    frame = picture.astype(np.uint8, copy=False)
                    sharpness = _sharpness(frame)
                    if best is None or sharpness > best.sharpness:
                        best = _Best(stretch, index, sharpness, frame)
                report(f"looked at {index + 1} of {count} frames of {video.name}")
            index += 1
    finally:
        capture.release()
    if best is not None:
        taken.append(_write(best, into))
    return taken, index


def _candidates(count: int, stretches: int) -> Iterator[tuple[int, int]]:
    """Frames to look at, each with its stretch, both in ascending order."""
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


def _write(best: _Best, into: Path) -> _Taken:
    """As JPEG."""
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111]
    okay, data = cv2.imencode(".jpg", best.picture, options)
    if not okay:
        raise ValueError("a frame could not be encoded")
    file = into / f"{best.index:07d}.jpg"
    file.write_bytes(data.tobytes())
    height, width = best.picture.shape[:2]
    return _Taken(best.index, best.sharpness, file, (width, height))


def _sampled(video: SourceFile, stem: str, found: list[_Taken], read: int, rate: float) -> Sampled:
    files: list[SourceFile] = []
    frames: dict[str, VideoFrame] = {}
    for taken in found:
        name = f"{stem}-{taken.index:06d}.jpg"
        files.append(SourceFile(name, taken.file, taken.file.stat().st_size))
        seconds, sharpness = round(taken.index / rate, 3), round(taken.sharpness, 2)
        frames[name] = VideoFrame(video=video.name, index=taken.index, seconds=seconds, sharpness=sharpness)
    width, height = found[0].size
    summary = Video(
        name=video.name, width=width, height=height, frames=read, frames_per_second=round(rate, 3), taken=len(found)
    )
    return Sampled(summary, frames, files)
