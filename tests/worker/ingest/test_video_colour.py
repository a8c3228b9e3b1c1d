"""Colours, times and pixel shapes of videos, as far as no encoder for them is needed."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reconstruction_worker.ingest import video
from reconstruction_worker.ingest.video_colour import HLG, PQ, VideoColour, colour_of

BT709, BT2020 = 1, 9


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


@pytest.mark.parametrize("form", [b"nclx", b"nclc"])
def test_what_a_movie_declares_is_read(tmp_path: Path, form: bytes) -> None:
    colour = box(b"colr", form + struct.pack(">HHH", 9, HLG, BT2020))
    (tmp_path / "x.mov").write_bytes(box(b"ftyp", b"qt  ") + box(b"mdat", bytes(100)) + box(b"moov", colour))
    assert colour_of(tmp_path / "x.mov") == VideoColour(HLG, BT2020)


@pytest.mark.parametrize("content", [b"", b"\0\0\0", box(b"moov", b"colr"), bytes(40), b"\0\0\0\x01moov"])
def test_a_movie_that_declares_nothing_or_is_damaged_has_no_colour(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.mp4").write_bytes(content)
    assert colour_of(tmp_path / "x.mp4") == VideoColour()


def test_matroska_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.mkv").write_bytes(b"\x1a\x45\xdf\xa3" + bytes(50) + b"\x55\xb1\x81\x09\x55\xba\x81\x10" + bytes(9))
    assert colour_of(tmp_path / "x.mkv") == VideoColour(PQ, BT2020)


def as_opencv_decodes(signal: np.ndarray, red: float, blue: float) -> np.ndarray:
    """RGB [N, 3] of another standard, encoded by its matrix and decoded by BT.601's, as 8-bit BGR [1, N, 3]."""
    luma = signal @ [red, 1 - red - blue, blue]
    from_red, from_blue = (signal[:, 0] - luma) / (2 * (1 - red)), (signal[:, 2] - luma) / (2 * (1 - blue))
    r, b = luma + 2 * 0.701 * from_red, luma + 2 * 0.886 * from_blue
    rgb = np.stack([r, (luma - 0.299 * r - 0.114 * b) / 0.587, b], axis=1)
    return np.round(255 * np.clip(rgb, 0, 1)).astype(np.uint8)[None, :, ::-1]


def test_the_matrix_of_high_definition_is_undone() -> None:
    colours = np.array([[0.7, 0.3, 0.3], [0.3, 0.6, 0.4], [0.5, 0.5, 0.5]])
    found = VideoColour(1, BT709).corrected(as_opencv_decodes(colours, 0.2126, 0.0722))[0, :, ::-1] / 255
    assert found == pytest.approx(colours, abs=0.01)


def test_what_declares_nothing_stays_as_it_is() -> None:
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    assert VideoColour().corrected(picture) is picture


@pytest.mark.parametrize(("transfer", "signal"), [(HLG, 0.75), (PQ, 0.5807)])
def test_white_of_standard_range_is_nearly_white(transfer: int, signal: float) -> None:
    """BT.2408: 203 cd/m² are a signal of 75 % in HLG and 58 % in PQ."""
    level = round(255 * signal)
    picture = np.full((2, 2, 3), level, np.uint8)
    found = VideoColour(transfer, BT2020).corrected(picture)
    assert found.min() >= 240 and np.ptp(found) <= 2
    darker = VideoColour(transfer, BT2020).corrected(np.full((2, 2, 3), level // 2, np.uint8))
    assert darker.max() < found.min()


class Frames:
    """A capture whose frames have the times given, in seconds."""

    def __init__(self, times: list[float]):
        self.times = times
        self.at = -1

    def get(self, _: Any) -> float:
        return 1000 * self.times[self.at]

    def grab(self) -> bool:
        self.at += 1
        return self.at < len(self.times)


def test_the_clock_goes_by_the_frames_own_times() -> None:
    times = [5 + index / 30 for index in range(40)] + [5 + 40 / 30 + index / 5 for index in range(20)]
    frames, clock = Frames(times), video._Clock(1 / 11)
    told = []
    while frames.grab():
        told.append(clock.tick(frames))  # type: ignore[arg-type]
    assert told == pytest.approx([time - 5 for time in times])


def test_the_clock_does_not_believe_times_that_run_backwards() -> None:
    frames, clock = Frames([0, 0, 0, 0]), video._Clock(0.1)
    told = []
    while frames.grab():
        told.append(clock.tick(frames))  # type: ignore[arg-type]
    assert told == pytest.approx([0, 0.1, 0.2, 0.3])


def test_stretches_are_of_time() -> None:
    looks = list(video._candidates(video._Length(60, 5.33), 12))
    middles = [np.mean([seconds for seconds, stretch in looks if stretch == number]) for number in range(12)]
    assert np.diff(middles) == pytest.approx(5.33 / 12)
