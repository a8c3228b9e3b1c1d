"""Photos from videos."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.ffmpeg_program import ENV_FFMPEG
from reconstruction_worker.ingest.listing import SourceFile
from reconstruction_worker.ingest.video import sample
from reconstruction_worker.ingest.video_decoder import FfmpegDecoder

from .photos import Ingested, write_photos
from .servers import Web, web_server
from .videos import number_of, write_video

COUNT, WANTED = 120, 12
BLURRED = frozenset(index for index in range(COUNT) if index % 5)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four of five frames are blurred."""
    return write_video(tmp_path_factory.mktemp("video") / "walk.mp4", COUNT, BLURRED)


def taken(result: Ingested) -> list[int]:
    return [image.frame.index for image in result.images if image.frame is not None]


def test_frames_are_spread_evenly_and_of_neighbours_the_sharpest(tmp_path: Path, video: Path) -> None:
    result = Ingested(tmp_path, video, images={"videoFrames": WANTED})
    indices = taken(result)
    assert len(indices) == WANTED
    assert not BLURRED.intersection(indices)
    assert max(abs(index - (number + 0.5) * COUNT / WANTED) for number, index in enumerate(indices)) <= 4
    assert [number_of(result.workspace / image.file) for image in result.images] == indices
    first = result.images[0]
    assert first.name == first.original.name == f"walk-{indices[0]:06d}.jpg"
    assert first.frame is not None
    assert (first.frame.video, first.frame.seconds) == ("walk.mp4", pytest.approx(indices[0] / 25, abs=1e-3))
    (summary,) = result.dataset.videos
    assert (summary.name, summary.width, summary.height, summary.frames) == ("walk.mp4", 192, 128, COUNT)
    assert (summary.frames_per_second, summary.taken) == (25, WANTED)
    assert "12 photos, taken from 1 video" in result.output.message


@pytest.mark.parametrize("suffix", [".mov", ".webm"])
def test_other_containers_are_read(tmp_path: Path, suffix: str) -> None:
    result = Ingested(tmp_path, write_video(tmp_path / f"walk{suffix}", 40), images={"videoFrames": 5})
    assert len(taken(result)) == 5
    assert np.diff(taken(result)).min() >= 4


def test_a_short_video_gives_every_frame(tmp_path: Path) -> None:
    result = Ingested(tmp_path, write_video(tmp_path / "short.mp4", 6), images={"videoFrames": 100})
    assert taken(result) == list(range(6))


def test_a_video_in_an_archive_and_on_a_server_is_found(tmp_path: Path, video: Path) -> None:
    with zipfile.ZipFile(tmp_path / "capture.zip", "w") as archive:
        archive.write(video, "clip/walk.mp4")
    assert len(taken(Ingested(tmp_path / "a", tmp_path / "capture.zip", images={"videoFrames": 4}))) == 4
    with web_server(Web({"/my walk.mp4": video.read_bytes(), "/download": video.read_bytes()})) as web:
        for number, path in enumerate(("my%20walk.mp4", "download?id=1")):
            folder = tmp_path / f"w{number}"
            result = Ingested(folder, None, source={"uri": f"{web.address}/{path}"}, images={"videoFrames": 4})
            assert len(taken(result)) == 4
            assert result.dataset.videos[0].name == ("my walk.mp4", "download")[number]


def test_several_videos_share_the_frames(tmp_path: Path, video: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    shutil.copyfile(video, folder / "a.mp4")
    write_video(folder / "b.mov", 50)
    result = Ingested(tmp_path, folder, images={"videoFrames": 10})
    assert [summary.taken for summary in result.dataset.videos] == [5, 5]


def test_frames_are_those_of_their_video_whatever_others_are_called(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    counts = {"morning/walk.mp4": 20, "evening/walk.mp4": 40, "evening/walk.mov": 80, "noon.mp4": 10}
    for name, count in counts.items():
        write_video(folder / name, count)
    result = Ingested(tmp_path, folder, images={"videoFrames": 8})
    for image in result.images:
        assert image.frame is not None
        assert number_of(result.workspace / image.file) == image.frame.index
    stems = {image.name.rpartition("-")[0]: image.frame.video for image in result.images if image.frame}
    assert stems == {
        "evening_walk": "evening/walk.mov",
        "evening_walk_2": "evening/walk.mp4",
        "morning_walk": "morning/walk.mp4",
        "noon": "noon.mp4",
    }


@pytest.mark.parametrize("wanted", [4, 12, COUNT])
def test_a_frame_is_written_when_its_stretch_ends(tmp_path: Path, video: Path, wanted: int) -> None:
    written: list[int] = []
    file = SourceFile("walk.mp4", video, video.stat().st_size)
    sampled = sample(
        file,
        "walk",
        wanted,
        tmp_path / "frames",
        lambda _: written.append(len(list(tmp_path.rglob("*.jpg")))),
        lambda: False,
    )
    assert len(sampled.files) == wanted
    assert set(written) == set(range(wanted))


def test_videos_beside_photos_are_left_alone(tmp_path: Path, video: Path) -> None:
    write_photos(tmp_path / "photos", 3)
    shutil.copyfile(video, tmp_path / "photos" / "live.mov")
    result = Ingested(tmp_path, tmp_path / "photos")
    assert len(result.images) == 3
    assert [(summary.name, summary.taken) for summary in result.dataset.videos] == [("live.mov", 0)]


@pytest.mark.parametrize("keep", [400, 0.5])
def test_a_video_that_is_cut_off_is_named(tmp_path: Path, video: Path, keep: float) -> None:
    content = video.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: int(keep if keep > 1 else keep * len(content))])
    with pytest.raises(ReconstructionError, match=r"cut.mp4 can't be decoded") as error:
        Ingested(tmp_path, tmp_path / "cut.mp4")
    assert error.value.code == "ImageCorrupt"


@pytest.mark.parametrize(
    "content",
    [b"#EXTM3U\n#EXTINF:10,\nfile:///etc/hostname\n", b"ffconcat version 1.0\nfile /etc/hostname\n", b"no video"],
    ids=["playlist", "concat", "text"],
)
def test_what_only_refers_to_videos_is_not_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "list.mp4").write_bytes(content)
    with pytest.raises(ReconstructionError) as error:
        Ingested(tmp_path, tmp_path / "list.mp4")
    assert error.value.code == "UnsupportedFormat"


def as_av1(video: Path, to: Path) -> Path:
    """The same frames in a codec that OpenCV's decoder lacks."""
    encoder = ["-c:v", "libaom-av1", "-cpu-used", "8", "-crf", "20", "-b:v", "0"]
    subprocess.run(["ffmpeg", "-loglevel", "error", "-i", video, *encoder, to], check=True)
    return to


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_a_codec_that_opencv_lacks_is_read_by_ffmpeg(
    tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The frames and times of the video that it was made of; without ffmpeg the error tells a way."""
    film = as_av1(video, tmp_path / "walk.mp4")
    result = Ingested(tmp_path / "with", film, images={"videoFrames": WANTED})
    indices = taken(result)
    assert len(indices) == WANTED and not BLURRED.intersection(indices)
    assert [number_of(result.workspace / image.file) for image in result.images] == indices
    seconds = [image.frame.seconds for image in result.images if image.frame is not None]
    assert seconds == pytest.approx([index / 25 for index in indices], abs=1e-3)
    (summary,) = result.dataset.videos
    assert (summary.width, summary.height, summary.frames, summary.frames_per_second) == (192, 128, COUNT, 25)
    monkeypatch.delenv(ENV_FFMPEG, raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ReconstructionError, match=r"walk.mp4 can't be decoded") as raised:
        Ingested(tmp_path / "without", film)
    assert "image has ffmpeg" in (raised.value.suggestion or "")


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_ffmpeg_reads_no_file_that_a_video_names(tmp_path: Path, video: Path) -> None:
    shutil.copyfile(video, tmp_path / "secret.mp4")
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile secret.mp4\n")
    decoder = FfmpegDecoder("ffmpeg", tmp_path / "list.mp4")
    assert not decoder.grab()
    decoder.release()
    allowed = FfmpegDecoder("ffmpeg", tmp_path / "secret.mp4")
    assert allowed.grab() and allowed.retrieve()[0]
    allowed.release()
