"""Photos from a video: evenly spread over its time, and of neighbouring frames the sharpest."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from reconstruction_api.errors import ReconstructionError

from ..ffmpeg_program import ffmpeg
from ..files import empty_folder
from ..stage import Stopped
from .dataset import Video, VideoFrame
from .listing import SourceFile
from .sampled import Sampled
from .video_colour import VideoColour, colour_of
from .video_decoder import Decoder, Opening, opening_of

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
"""Share by which a container may be wrong about its length before the video is read again."""
MOST_GAP_SECONDS: Final = 60.0
"""Between two frames; a longer one is a mistake in the time stamps."""
SQUARE: Final = 0.01
"""Deviation of a pixel's aspect from 1 that is not seen."""

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class _Length:
    """Of a video."""

    frames: int
    seconds: float

    def differs_from(self, expected: _Length) -> bool:
        """By more than what containers are usually wrong by."""
        few = abs(self.frames - expected.frames) > MISCOUNT * expected.frames
        return few or abs(self.seconds - expected.seconds) > MISCOUNT * expected.seconds


class _Clock:
    """Counts frames and tells when each is shown, in seconds from the first one; `frame_seconds` is what a frame takes
    where the container doesn't say."""

    def __init__(self, frame_seconds: float):
        self.frames = 0
        self._frame_seconds = frame_seconds
        self._start: float | None = None
        self._last = -frame_seconds

    def tick(self, capture: Decoder) -> float:
        """Time of the frame that was just grabbed."""
        told = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if self._start is None:
            self._start = told
        seconds = told - self._start
        if not self._last < seconds < self._last + MOST_GAP_SECONDS:
            seconds = self._last + self._frame_seconds
        self.frames, self._last = self.frames + 1, seconds
        return seconds

    @property
    def length(self) -> _Length:
        return _Length(self.frames, self._last + self._frame_seconds)


@dataclass(frozen=True)
class _Look:
    """What makes of a decoded frame what people see."""

    colour: VideoColour
    pixel_aspect: float
    """Width of a pixel relative to its height."""

    @classmethod
    def of(cls, video: SourceFile, capture: Decoder) -> _Look:
        across, up = capture.get(cv2.CAP_PROP_SAR_NUM), capture.get(cv2.CAP_PROP_SAR_DEN)
        aspect = across / up if across > 0 and up > 0 else 1.0
        turned = round(capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 180 == 90
        aspect = 1 / aspect if turned else aspect
        return cls(colour_of(video.path), aspect if 0.2 < aspect < 5 else 1.0)

    @property
    def note(self) -> str:
        squeezed = "pixels made square" if abs(self.pixel_aspect - 1) > SQUARE else ""
        return ", ".join(note for note in (self.colour.note, squeezed) if note)

    def shown(self, picture: Picture) -> Picture:
        height, width = picture.shape[:2]
        if abs(self.pixel_aspect - 1) > SQUARE:
            wider = max(self.pixel_aspect, 1.0), max(1 / self.pixel_aspect, 1.0)
            size = round(width * wider[0]), round(height * wider[1])
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
        return self.colour.corrected(picture)


@dataclass(frozen=True)
class _Best:
    """The sharpest frame of a stretch so far."""

    stretch: int
    index: int
    seconds: float
    sharpness: float
    picture: Picture


@dataclass(frozen=True)
class _Taken:
    """A frame that is in a file; width and height in pixels."""

    index: int
    seconds: float
    sharpness: float
    file: Path
    size: tuple[int, int]
    note: str
    """What was done to it, for people."""


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
    opening = _opening(video)
    capture = _open(video, opening)
    try:
        rate = capture.get(cv2.CAP_PROP_FPS)
        rate = rate if np.isfinite(rate) and 0.1 < rate < 10_000 else 30.0
        declared = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        count = int(declared) if np.isfinite(declared) and 0 < declared < MAX_FRAMES else 0
    finally:
        capture.release()
    expected = _Length(count, count / rate)
    found, read = [], _Length(-1, 0.0)
    if count:
        found, read = _pick(video, opening, expected, wanted, into, report, stop_requested)
    if read.frames < 0 or read.differs_from(expected):
        expected = read if read.frames > 0 else _length(video, opening, rate, stop_requested)
        found, read = _pick(video, opening, expected, wanted, into, report, stop_requested)
    if not found:
        raise _unreadable(video)
    return _sampled(video, stem, found, read)


def size_of(video: SourceFile) -> tuple[int, int]:
    """Width and height of its first frame in pixels. Raises ImageCorrupt, naming the video."""
    capture = _open(video, _opening(video))
    try:
        okay, picture = capture.retrieve() if capture.grab() else (False, None)
    finally:
        capture.release()
    if not okay or picture is None:
        raise _unreadable(video)
    height, width = picture.shape[:2]
    return width, height


def _opening(video: SourceFile) -> Opening:
    opening = opening_of(video.path)
    if opening is None:
        raise _unreadable(video)
    return opening


def _open(video: SourceFile, opening: Opening) -> Decoder:
    decoder = opening()
    if decoder is None:
        raise _unreadable(video)
    return decoder


def _unreadable(video: SourceFile) -> ReconstructionError:
    more = "" if ffmpeg() else ", or use a profile whose image has ffmpeg, which knows more codecs"
    return ReconstructionError(
        "ImageCorrupt",
        f"{video.name} can't be decoded: the video is damaged or cut off, or its codec is not known here.",
        suggestion=f"Export the video as MP4 (H.264) again, or repeat the upload{more}.",
    )


def _length(video: SourceFile, opening: Opening, rate: float, stop_requested: Callable[[], bool]) -> _Length:
    """Read to the end."""
    capture = _open(video, opening)
    clock = _Clock(1 / rate)
    try:
        while clock.frames < MAX_FRAMES and capture.grab():
            clock.tick(capture)
            if stop_requested():
                raise Stopped
        return clock.length
    finally:
        capture.release()


def _pick(
    video: SourceFile,
    opening: Opening,
    length: _Length,
    wanted: int,
    into: Path,
    report: Callable[[str], None],
    stop_requested: Callable[[], bool],
) -> tuple[list[_Taken], _Length]:
    """The sharpest frame of each of `wanted` stretches of a video that is as long as `length`, and how long it was.
    Each is written when its stretch ends: hundreds of frames would not fit into memory."""
    empty_folder(into)
    if length.frames <= 0:
        return [], _Length(0, 0.0)
    candidates = deque(_candidates(length, min(wanted, length.frames)))
    taken: list[_Taken] = []
    best: _Best | None = None
    frame_seconds = length.seconds / length.frames
    clock = _Clock(frame_seconds)
    capture = _open(video, opening)
    look = _Look.of(video, capture)
    try:
        while clock.frames < MAX_FRAMES and capture.grab():
            if stop_requested():
                raise Stopped
            index, seconds = clock.frames, clock.tick(capture)
            stretch = None
            while candidates and candidates[0][0] < seconds + frame_seconds:
                stretch = candidates.popleft()[1]
            if stretch is None:
                continue
            if best is not None and best.stretch != stretch:
                taken.append(_write(best, into, look))
                best = None
            okay, picture = capture.retrieve()
            if okay:
                frame = picture.astype(np.uint8, copy=False)
                sharpness = _sharpness(frame)
                if best is None or sharpness > best.sharpness:
                    best = _Best(stretch, index, seconds, sharpness, frame)
            report(f"looked at {index + 1} of {length.frames} frames of {video.name}")
    finally:
        capture.release()
    if best is not None:
        taken.append(_write(best, into, look))
    return taken, clock.length


def _candidates(length: _Length, stretches: int) -> Iterator[tuple[float, int]]:
    """Times in seconds at which to look, each with its stretch, both in ascending order. Stretches are of time, not of
    frames: phones take fewer of these a second when it gets dark."""
    stretch_seconds = length.seconds / stretches
    frames = SEARCHED_SHARE * length.frames / stretches
    for stretch in range(stretches):
        middle = (stretch + 0.5) * stretch_seconds
        reach = SEARCHED_SHARE * stretch_seconds / 2
        for seconds in np.linspace(middle - reach, middle + reach, max(1, min(CANDIDATES, round(frames)))):
            yield float(seconds), stretch


def _sharpness(picture: Picture) -> float:
    """Variance of the Laplacian (Pech-Pacheco et al., ICPR 2000)."""
    scale = min(1.0, MEASURED_SIDE / max(picture.shape[:2]))
    size = max(3, round(picture.shape[1] * scale)), max(3, round(picture.shape[0] * scale))
    small = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), size, interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(small, cv2.CV_32F).var())


def _write(best: _Best, into: Path, look: _Look) -> _Taken:
    """As JPEG."""
    picture = look.shown(best.picture)
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111]
    okay, data = cv2.imencode(".jpg", picture, options)
    if not okay:
        raise ValueError("a frame could not be encoded")
    file = into / f"{best.index:07d}.jpg"
    file.write_bytes(data.tobytes())
    height, width = picture.shape[:2]
    return _Taken(best.index, best.seconds, best.sharpness, file, (width, height), look.note)


def _sampled(video: SourceFile, stem: str, found: list[_Taken], read: _Length) -> Sampled:
    files: list[SourceFile] = []
    frames: dict[str, VideoFrame] = {}
    for taken in found:
        name = f"{stem}-{taken.index:06d}.jpg"
        files.append(SourceFile(name, taken.file, taken.file.stat().st_size))
        seconds, sharpness = round(taken.seconds, 3), round(taken.sharpness, 2)
        frames[name] = VideoFrame(video=video.name, index=taken.index, seconds=seconds, sharpness=sharpness)
    width, height = found[0].size
    summary = Video(
        name=video.name,
        width=width,
        height=height,
        frames=read.frames,
        frames_per_second=round(read.frames / read.seconds, 3) if read.seconds else 0,
        taken=len(found),
        note=found[0].note,
    )
    return Sampled(summary, frames, files)
