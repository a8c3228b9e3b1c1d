"""Sources that somebody, or a failing disk, has damaged: sound ones with a few bytes, fields or parts changed."""

from __future__ import annotations

import functools
import io
import json
import random
import re
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pycolmap
from PIL import Image

from ..poses.scenes import looking
from ..poses.tool_files import TOOLS, Cameras

SIDE = 48
NAMES = tuple(f"p{index}.png" for index in range(4))
EYES = ([3.0, 0, 1], [0, 3.0, 1], [-3.0, 0, 1], [0, -3.0, 1])

Case = Callable[[random.Random, Path], Path]
"""Writes a damaged source below a folder; its path."""


@functools.cache
def photo(index: int, form: str) -> bytes:
    pixels = np.random.default_rng(index).integers(0, 255, (12, 12, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((SIDE, SIDE)).save(buffer, form)
    return buffer.getvalue()


def damaged(generator: random.Random, content: bytes) -> bytes:
    """Bytes changed, cut off, repeated, removed or inserted, at one to four places."""
    data = bytearray(content)
    for _ in range(generator.randint(1, 4)):
        at = (
            generator.randrange(len(data) + 1)
            if generator.random() < 0.6
            else generator.randrange(min(len(data), 64) + 1)
        )
        length = generator.choice((1, 1, 2, 4, 8, 64))
        match generator.randrange(6):
            case 0:
                data[at : at + length] = generator.randbytes(length)
            case 1:
                data[at : at + length] = bytes([generator.choice((0, 0xFF, 0x7F, 0x80))]) * length
            case 2:
                del data[at:]
            case 3:
                del data[at : at + length]
            case 4:
                data[at:at] = data[at : at + length] * generator.choice((1, 2, 50))
            case 5:
                data[at:at] = generator.randbytes(length)
    return bytes(data)


def image(generator: random.Random, folder: Path) -> Path:
    """Two sound photos and one or two damaged ones."""
    source = _sound(folder, 2)
    for number in range(generator.randint(1, 2)):
        form = generator.choice(("JPEG", "PNG", "TIFF", "WEBP", "HEIC"))
        content = _heic() if form == "HEIC" else photo(5 + number, form)
        suffix = generator.choice((".jpg", ".png", ".tif", ".webp", ".heic", ".dng", ".cr2", ""))
        (source / f"bad{number}{suffix}").write_bytes(damaged(generator, content))
    return source


@functools.cache
def _heic() -> bytes:
    return (Path(__file__).parents[1] / "ingest" / "data" / "photo.heic").read_bytes()


ODD_NAMES = (
    "../out.png", "/tmp/out.png", "a/../../out.png", "..\\out.png", "C:\\out.png", "x\0.png", "p0.png", "", ".",
    "a" * 300 + ".png", "\udcff.png", "con.png/",
)  # fmt: skip


def archive(generator: random.Random, folder: Path) -> Path:
    """An archive with odd entries, or whose bytes are damaged."""
    form = generator.choice(("zip", "tar", "tar.gz", "tar.xz"))
    path = folder / f"photos.{form}"
    odd = generator.random() < 0.5
    names = list(NAMES[:3])
    if odd:
        names.append(generator.choice(ODD_NAMES))
    if form == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for index, name in enumerate(names):
                file.writestr(zipfile.ZipInfo(name.encode("utf-8", "replace").decode() or "."), photo(index, "PNG"))
    else:
        with tarfile.open(path, "w:" + form.partition(".")[2]) as file:  # type: ignore[call-overload]
            for index, name in enumerate(names):
                entry = tarfile.TarInfo(name)
                content = photo(index, "PNG")
                entry.size = len(content)
                if odd and index == 3:
                    kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.REGTYPE)
                    entry.type = generator.choice(kinds)
                    entry.linkname = generator.choice(("/etc/hostname", "../../..", "p0.png"))
                file.addfile(entry, io.BytesIO(content) if entry.isreg() else None)
    if not odd or generator.random() < 0.3:
        path.write_bytes(damaged(generator, path.read_bytes()))
    return path


def transforms(generator: random.Random, folder: Path) -> Path:
    """A transforms.json, or Blender's splits, with odd values or damaged text."""
    source = _sound(folder, len(NAMES))
    document: dict[str, Any] = {"fl_x": 60.0, "w": SIDE, "h": SIDE, "camera_model": "OPENCV", "frames": []}
    for name, eye in zip(NAMES, EYES, strict=True):
        pose = looking(np.array(eye), np.zeros(3), np.array([0.0, 0, 1])) @ np.diag([1.0, -1, -1, 1])
        document["frames"].append({"file_path": name, "transform_matrix": pose.tolist()})
    for _ in range(generator.randint(1, 3)):
        _spoil(generator, document)
    text = json.dumps(document).encode()
    if generator.random() < 0.3:
        text = damaged(generator, text)
    name = generator.choice(("transforms.json", "transforms.json", "transforms_train.json"))
    (source / name).write_bytes(text)
    return source


ODD_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1e308, -1e308, float("nan"), float("inf"), 10**30, "", "x", "p0.png", "../p0.png", "\0", [], {},
    [[]], [None], [[1, 0, 0, 0]] * 4, [[0] * 4] * 4, [["1"] * 4] * 4, [[1e200] * 4] * 4, "OPENCV_FISHEYE", "é" * 1000,
)  # fmt: skip


def _spoil(generator: random.Random, document: dict[str, Any]) -> None:
    keys = ("fl_x", "fl_y", "cx", "cy", "w", "h", "k1", "k2", "p1", "k3", "camera_model", "camera_angle_x", "frames",
            "file_path", "transform_matrix", "is_fisheye", "train_filenames")  # fmt: skip
    key, value = generator.choice(keys), generator.choice(ODD_VALUES)
    frames = document.get("frames")
    target = document
    if isinstance(frames, list) and frames and generator.random() < 0.6:
        frame = generator.choice(frames)
        if generator.random() < 0.1:
            frames[frames.index(frame)] = value
            return
        target = frame if isinstance(frame, dict) else document
    if isinstance(matrix := target.get("transform_matrix"), list) and generator.random() < 0.4:
        row = generator.choice(matrix) if matrix else None
        if isinstance(row, list) and row:
            row[generator.randrange(len(row))] = value
        return
    if generator.random() < 0.15:
        target.pop(key, None)
    else:
        target[key] = value


@functools.cache
def _model(suffix: str) -> dict[str, bytes]:
    """A COLMAP model of the photos, with points."""
    options = pycolmap.SyntheticDatasetOptions()
    options.num_rigs, options.num_frames_per_rig, options.num_points3D = 1, len(NAMES), 30
    options.camera_width = options.camera_height = SIDE
    options.camera_params = [60.0, SIDE / 2, SIDE / 2, 0.01]
    pycolmap.set_random_seed(1)
    model = pycolmap.synthesize_dataset(options)
    for name, image in zip(NAMES, model.images.values(), strict=True):
        image.name = name
    with tempfile.TemporaryDirectory() as folder:
        model.write_text(folder) if suffix == ".txt" else model.write_binary(folder)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def colmap(generator: random.Random, folder: Path) -> Path:
    """A COLMAP model, or LLFF's table, with one damaged file."""
    source = _sound(folder, len(NAMES))
    if generator.random() < 0.2:
        buffer = io.BytesIO()
        np.save(buffer, np.random.default_rng(generator.randrange(9)).normal(size=(len(NAMES), 17)))
        (source / "poses_bounds.npy").write_bytes(damaged(generator, buffer.getvalue()))
        return source
    sparse = source / "sparse" / "0"
    sparse.mkdir(parents=True)
    files = _model(generator.choice((".txt", ".bin")))
    victim = generator.choice([name for name in files if name.startswith(("cameras", "images", "points3D"))])
    for name, content in files.items():
        (sparse / name).write_bytes(damaged(generator, content) if name == victim else content)
    return source


ODD_NUMBERS = (
    "nan",
    "inf",
    "-1e999",
    "0",
    "-1",
    "1e300",
    "99999999999999999999",
    "2147483648",
    "",
    "x",
    "1 2",
    "\0",
    "\u0661",
)


def tool(generator: random.Random, folder: Path) -> Path:
    """Poses as an app or a program writes them, in which numbers, lines or bytes are odd, or a photo is missing."""
    source = folder / "source"
    source.mkdir(parents=True)
    form = generator.choice(list(TOOLS))
    poses = [looking(np.array(eye), np.zeros(3), np.array([0.0, 0, 1])) for eye in EYES]
    names = TOOLS[form](source, Cameras(list(NAMES), poses, SIDE, SIDE, 60.0))
    files = sorted(path for path in source.rglob("*") if path.is_file())
    for _ in range(generator.randint(1, 2)):
        victim = generator.choice(files)
        content = victim.read_bytes()
        binary = victim.suffix == ".npz"
        victim.write_bytes(
            damaged(generator, content) if binary or generator.random() < 0.3 else _odd(generator, content)
        )
    missing = generator.randrange(len(names)) if generator.random() < 0.2 else None
    for index, name in enumerate(names):
        if index != missing:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes(photo(index, "PNG"))
    return source


def _odd(generator: random.Random, content: bytes) -> bytes:
    """The text with one to three numbers replaced, or lines repeated, removed or swapped, in some encoding."""
    text = content.decode("utf-8", "replace")
    for _ in range(generator.randint(1, 3)):
        numbers = list(re.finditer(r"-?[0-9]+(?:\.[0-9]+)?(?:e-?[0-9]+)?", text))
        if numbers and generator.random() < 0.7:
            found = generator.choice(numbers)
            text = text[: found.start()] + generator.choice(ODD_NUMBERS) + text[found.end() :]
        else:
            lines = text.splitlines(keepends=True) or ["\n"]
            at, other = generator.randrange(len(lines)), generator.randrange(len(lines))
            lines[at : at + 1] = generator.choice(([], [lines[at]] * 2, [lines[other]]))
            text = "".join(lines)
    return text.encode(generator.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16")), "replace")


def _sound(folder: Path, count: int) -> Path:
    source = folder / "source"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    for index in range(count):
        (source / NAMES[index]).write_bytes(photo(index, "PNG"))
    return source


KINDS: dict[str, Case] = {"image": image, "archive": archive, "transforms": transforms, "colmap": colmap, "tool": tool}
