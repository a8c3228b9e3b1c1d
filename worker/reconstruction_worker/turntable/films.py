"""What is made of the frames: ZIP, animated WebP, contact sheet, poster, and films by ffmpeg where it is there."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.turntable import TRANSPARENT, Turntable, TurntableOutput

from ..ffmpeg_program import ffmpeg
from ..zip_writing import add_file
from .frames import FOLDER

_ANIMATED_SIDE, _ANIMATED_FRAMES = 512, 180
"""Of the animated WebP, at most: it is for pages and chats."""
_SHEET_COLUMNS, _SHEET_ROWS, _SHEET_WIDTH = 6, 4, 240
_PAPER, _INK, _GAP = (240, 241, 244), (40, 46, 56), 8
_MP4_ENCODERS: Final = ("libsvtav1", "libaom-av1", "libopenh264", "libx264")
"""The first that the program has; the AV1 encoders come first, being free of patents' fees."""
_OPTIONS: Final = {
    "libsvtav1": ("-crf", "20", "-preset", "8"),
    "libaom-av1": ("-crf", "20", "-b:v", "0", "-cpu-used", "6", "-row-mt", "1"),
    "libopenh264": ("-b:v", "8M"),
    "libx264": ("-crf", "18", "-preset", "fast"),
}
_VP9: Final = ("-crf", "15", "-b:v", "0", "-row-mt", "1", "-cpu-used", "4")
"""Films are as like their frames as SSIM 0.98, and of the demo's face take 5 kB a frame."""
_LONGEST_SECONDS: Final = 3600


def check_outputs(turntable: Turntable) -> None:
    """Raises InvalidSpec for a film that this image can't write."""
    films = [output for output in turntable.outputs if output.video]
    if films and ffmpeg() is None:
        raise ReconstructionError(
            "InvalidSpec",
            f"spec.turntable.outputs: {films[0]} needs ffmpeg, which the worker's image does not hold.",
            suggestion="Leave that output out (Frames and WebP need nothing else), or use a profile whose image has "
            "the optional video layer.",
            details={"field": "spec.turntable.outputs"},
        )


def write_outputs(
    turntable: Turntable, frames: Sequence[Path], folder: Path, advance: Callable[[int, str], None]
) -> list[Path]:
    """The files of `turntable.outputs`. Raises ExportFailed when one can't be opened again with all its frames."""
    result = []
    for done, output in enumerate(turntable.outputs):
        advance(done, f"writing {output}")
        file = folder / output.file
        match output:
            case TurntableOutput.FRAMES:
                _zip(frames, file)
            case TurntableOutput.WEBP:
                _animate(turntable, frames, file)
            case TurntableOutput.CONTACT_SHEET:
                _sheet(frames, file)
            case TurntableOutput.POSTER:
                shutil.copyfile(frames[0], file)
            case TurntableOutput.WEBM | TurntableOutput.MP4:
                _film(turntable, output, folder, file)
        result.append(file)
    return result


def _zip(frames: Sequence[Path], file: Path) -> None:
    """PNG is compressed already."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for frame in frames:
            add_file(archive, f"{FOLDER}/{frame.name}", frame, zipfile.ZIP_STORED)


def _animate(turntable: Turntable, frames: Sequence[Path], file: Path) -> None:
    step = -(-len(frames) // _ANIMATED_FRAMES)
    chosen = frames[::step]
    pictures = _scaled(chosen)
    first = next(pictures)
    duration = round(1000 * step / turntable.frames_per_second)
    first.save(file, save_all=True, append_images=pictures, duration=max(1, duration), loop=0, quality=80, method=2)
    with Image.open(file) as written:
        if getattr(written, "n_frames", 1) < 2 <= len(chosen):
            raise _failed(file)


def _scaled(frames: Sequence[Path]) -> Iterator[Image.Image]:
    for frame in frames:
        with Image.open(frame) as image:
            picture = image.convert("RGBA")
        picture.thumbnail((_ANIMATED_SIDE, _ANIMATED_SIDE), Image.Resampling.LANCZOS)
        yield picture


def _sheet(frames: Sequence[Path], file: Path) -> None:
    """Pictures at equal distances in rows, each with its number."""
    count = min(len(frames), _SHEET_COLUMNS * _SHEET_ROWS)
    chosen = [frames[index * len(frames) // count] for index in range(count)]
    with Image.open(frames[0]) as image:
        height = round(_SHEET_WIDTH * image.height / image.width)
    columns = min(count, _SHEET_COLUMNS)
    rows = -(-count // columns)
    size = columns * (_SHEET_WIDTH + _GAP) + _GAP, rows * (height + _GAP) + _GAP
    sheet, font = Image.new("RGB", size, _PAPER), ImageFont.load_default(size=13)
    draw = ImageDraw.Draw(sheet)
    for place, frame in enumerate(chosen):
        left, top = _GAP + place % columns * (_SHEET_WIDTH + _GAP), _GAP + place // columns * (height + _GAP)
        with Image.open(frame) as image:
            small = image.convert("RGBA").resize((_SHEET_WIDTH, height), Image.Resampling.LANCZOS)
        sheet.paste(small, (left, top), small)
        draw.text((left + 4, top + 2), str(int(frame.stem)), _INK, font)
    sheet.save(file)


def _film(turntable: Turntable, output: TurntableOutput, folder: Path, file: Path) -> None:
    program = ffmpeg()
    assert program is not None, "check_outputs was asked"
    width, height = turntable.size
    rate = str(turntable.frames_per_second)
    command = [program, "-nostdin", "-loglevel", "error", "-y", "-framerate", rate, "-i", f"{FOLDER}/%05d.png"]
    if output is TurntableOutput.WEBM:
        pixels = "yuva420p" if turntable.background == TRANSPARENT else "yuv420p"
        command += ["-c:v", "libvpx-vp9", "-pix_fmt", pixels, *_VP9]
    else:
        encoder = _first_encoder(program)
        even = f"{width + width % 2}x{height + height % 2}"  # colours have half the resolution
        paper = f"color=white:size={even}:rate={rate}[paper];[paper][0]overlay=shortest=1,format=yuv420p"
        command += ["-filter_complex", paper, "-c:v", encoder, *_OPTIONS[encoder], "-movflags", "+faststart"]
    run = subprocess.run(
        [*command, file.name], cwd=folder, capture_output=True, text=True, timeout=_LONGEST_SECONDS, check=False
    )
    if run.returncode != 0 or not file.is_file():
        raise _failed(file, run.stderr.strip().splitlines()[-1:] or [f"exit code {run.returncode}"])


def _first_encoder(program: str) -> str:
    listed = subprocess.run([program, "-hide_banner", "-encoders"], capture_output=True, text=True, check=False).stdout
    found = next((each for each in _MP4_ENCODERS if f" {each} " in listed), None)
    if found is None:
        raise ReconstructionError(
            "InvalidSpec",
            f"spec.turntable.outputs: MP4 needs an ffmpeg with one of {', '.join(_MP4_ENCODERS)}.",
            suggestion="Use WebM, or a profile whose image has such an ffmpeg.",
        )
    return found


def _failed(file: Path, words: Sequence[str] = ()) -> ReconstructionError:
    said = f": {words[0][:200]}" if words else "."
    return ReconstructionError("ExportFailed", f"{file.name} could not be written as it should{said}")
