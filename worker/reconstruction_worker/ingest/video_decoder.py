"""Frames of a video: by OpenCV's decoder, and what that can't read, such as AV1, by ffmpeg where it is there.

ffmpeg's frames come through a pipe as they are shown, and what it says of each (`showinfo`) through another; nothing is
written to disk.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import IO, Any, Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ..ffmpeg_program import ffmpeg

SHOWN: Final = re.compile(
    r"showinfo.* n: *\d+ .*pts_time:(?P<seconds>[-\d.]+|NOPTS) .*sar:(?P<across>\d+)/(?P<up>\d+) s:(?P<size>\d+x\d+) "
)
"""What ffmpeg's filter `showinfo` says of a frame."""
CONTAINERS: Final = "mov,matroska,avi,mpegts,mpeg,flv,asf,ogg"
"""Demuxers of ffmpeg that may read a file: others, such as `concat` and `hls`, read what it names."""
LARGEST_SIDE: Final = 16_384
"""Of a frame in pixels: memory is taken for one before it is read."""


class Decoder(Protocol):
    """Frames one after the other, as `cv2.VideoCapture` gives them."""

    def grab(self) -> bool:
        """Go to the next frame; False at the end."""
        ...

    def retrieve(self) -> tuple[bool, Any]:
        """Whether there is one, and the frame: BGR [H, W, 3] of bytes."""
        ...

    def get(self, property_number: int, /) -> float:
        """A property by OpenCV's number; 0 where it is not known."""
        ...

    def release(self) -> None: ...


Opening = Callable[[], Decoder | None]
"""Opens a video from its beginning; gives None where it can no longer be opened."""


def opening_of(path: Path) -> Opening | None:
    """How a video is opened by what can decode it; None where nothing can. Its first frame is read to find out."""
    openings: list[Opening] = [lambda: _by_opencv(path)]
    if (program := ffmpeg()) is not None:
        openings.append(lambda: FfmpegDecoder(program, path))
    return next((opening for opening in openings if _reads(opening())), None)


class FfmpegDecoder:
    """What the program ffmpeg decodes, turned upright as the container says."""

    def __init__(self, program: str, path: Path):
        # A container may name other files and addresses; nothing but the file itself is to be read.
        command = [program, "-hide_banner", "-nostdin", "-nostats", "-protocol_whitelist", "file"]
        command += ["-format_whitelist", CONTAINERS]
        command += ["-i", f"file:{path}", "-map", "0:v:0", "-vf", "showinfo=checksum=0", "-fps_mode", "passthrough"]
        command += ["-pix_fmt", "bgr24", "-f", "rawvideo", "pipe:1"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._told: Queue[re.Match[str] | None] = Queue()
        self._listener = Thread(target=self._listen, args=(self._process.stderr,), daemon=True)
        self._listener.start()
        self._size: tuple[int, int] | None = None
        self._seconds = self._aspect = 0.0
        self._frame: NDArray[np.uint8] | None = None

    def grab(self) -> bool:
        told = self._told.get()
        if told is None:
            return False
        width, height = (int(side) for side in told["size"].split("x"))
        if max(width, height) > LARGEST_SIDE:
            return False
        # Later frames of another size come scaled to the first one's.
        width, height = self._size = self._size or (width, height)
        assert self._process.stdout is not None
        data = self._process.stdout.read(width * height * 3)
        if len(data) < width * height * 3:
            return False
        self._frame = np.frombuffer(data, np.uint8).reshape(height, width, 3)
        with contextlib.suppress(ValueError):
            self._seconds = float(told["seconds"])
        across, up = int(told["across"]), int(told["up"])
        self._aspect = across / up if across and up else 0.0
        return True

    def retrieve(self) -> tuple[bool, NDArray[np.uint8]]:
        return (False, np.zeros((0, 0, 3), np.uint8)) if self._frame is None else (True, self._frame.copy())

    def get(self, property_number: int, /) -> float:
        known = {
            cv2.CAP_PROP_POS_MSEC: self._seconds * 1000,
            cv2.CAP_PROP_SAR_NUM: self._aspect,
            cv2.CAP_PROP_SAR_DEN: 1.0 if self._aspect else 0.0,
        }
        return known.get(property_number, 0.0)

    def release(self) -> None:
        self._process.kill()
        self._process.wait()
        self._listener.join()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _listen(self, lines: IO[bytes]) -> None:
        for line in lines:
            if told := SHOWN.search(line.decode(errors="replace")):
                self._told.put(told)
        self._told.put(None)


def _by_opencv(path: Path) -> Decoder | None:
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "protocol_whitelist;file"
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    return capture if capture.isOpened() else None


def _reads(decoder: Decoder | None) -> bool:
    if decoder is None:
        return False
    try:
        return bool(decoder.grab()) and bool(decoder.retrieve()[0])
    finally:
        decoder.release()
