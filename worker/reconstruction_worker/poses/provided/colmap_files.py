"""Reads the files of a COLMAP model, text or binary, without trusting them: sizes are checked before anything is
allocated, and a mistake is reported with the file and the line or entry (https://colmap.github.io/format.html).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pycolmap
from numpy.typing import NDArray

from ...ingest.text_files import open_text
from .validity import invalid, shown

NO_POINT: Final = -1
_LONGEST_NAME: Final = 4096
_CAMERA_MODELS: Final = {
    int(model): name for name, model in pycolmap.CameraModelId.__members__.items() if name != "INVALID"
}

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class CameraEntry:
    """Intrinsics in COLMAP's terms; `where` names the entry for messages."""

    model: str
    width: int
    height: int
    params: tuple[float, ...]
    where: str


@dataclass(frozen=True)
class ImageEntry:
    """`rotation` is a quaternion (w, x, y, z); it and `translation` take the world to the camera."""

    image_id: int
    name: str
    camera_id: int
    rotation: tuple[float, ...]
    translation: tuple[float, ...]
    pixels: Floats  # [N, 2], of the features
    point_ids: Integers  # [N], NO_POINT for features that belong to no point
    where: str


@dataclass(frozen=True)
class PointTable:
    """`ids` [P] in rising order, with places [P, 3] and colours [P, 3]."""

    ids: Integers
    xyz: Floats
    rgb: NDArray[np.uint8]


def read_cameras(path: Path) -> dict[int, CameraEntry]:
    """Cameras by number. Raises InvalidPoses."""
    entries = _binary_cameras(path) if path.suffix == ".bin" else _text_cameras(path)
    result: dict[int, CameraEntry] = {}
    for camera_id, entry in entries:
        if camera_id in result:
            raise invalid(path.name, f"{entry.where} appears twice.")
        if not 0 < entry.width <= 10**6 or not 0 < entry.height <= 10**6:
            raise invalid(path.name, f"{entry.where}: a picture can't have {entry.width} x {entry.height} pixels.")
        if not np.isfinite(entry.params).all():
            raise invalid(path.name, f"{entry.where} has a parameter that is NaN or infinite.")
        result[camera_id] = entry
    if not result:
        raise invalid(path.name, "it holds no cameras.")
    return result


def read_images(path: Path) -> list[ImageEntry]:
    """Posed images. Raises InvalidPoses."""
    images = list(_binary_images(path) if path.suffix == ".bin" else _text_images(path))
    if not images:
        raise invalid(path.name, "it holds no images.")
    return images


def read_points(path: Path) -> PointTable:
    """Points; their tracks come from the images. Raises InvalidPoses."""
    ids, xyz, rgb = _binary_points(path) if path.suffix == ".bin" else _text_points(path)
    if not np.isfinite(xyz).all():
        raise invalid(path.name, "it holds a point that is NaN or infinite.")
    order = np.argsort(ids, kind="stable")
    if (np.diff(ids[order]) == 0).any():
        raise invalid(path.name, "two points have the same number.")
    return PointTable(ids[order], xyz[order], rgb[order])


def _parameter_count(model: str) -> int:
    return len(pycolmap.Camera.create_from_model_name(0, model, 1.0, 1, 1).params)


def _known_model(model: str, count: int | None, path: Path, where: str) -> int:
    """How many parameters a camera model has. Raises InvalidPoses when it is not known, or `count` is another one."""
    if model not in _CAMERA_MODELS.values():
        raise invalid(path.name, f"{where}: {shown(model)} is not a camera model of COLMAP.")
    wanted = _parameter_count(model)
    if count is not None and count != wanted:
        raise invalid(path.name, f"{where}: {model} has {wanted} parameters, not {count}.")
    return wanted


# Text ----------------------------------------------------------------------------------------------------------------


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines with their numbers from 1."""
    try:
        with open_text(path) as file:
            for number, line in enumerate(file, start=1):
                yield number, line.strip()
    except UnicodeError as error:
        raise invalid(path.name, "it is not text.") from error


def _content(path: Path) -> Iterator[tuple[int, str]]:
    return ((number, line) for number, line in _lines(path) if line and not line.startswith("#"))


def _text_cameras(path: Path) -> Iterator[tuple[int, CameraEntry]]:
    for number, line in _content(path):
        fields = line.split()
        if len(fields) < 5:
            raise invalid(path.name, f"line {number} must be: CAMERA_ID MODEL WIDTH HEIGHT PARAMS.")
        where = f"camera {shown(fields[0])} (line {number})"
        _known_model(fields[1], len(fields) - 4, path, where)
        camera_id, width, height = _integers(fields[:1] + fields[2:4], path, number)
        yield camera_id, CameraEntry(fields[1], width, height, tuple(_numbers(fields[4:], path, number)), where)


def _text_images(path: Path) -> Iterator[ImageEntry]:
    lines = _lines(path)
    for number, line in lines:
        if not line or line.startswith("#"):
            continue
        fields = line.split(maxsplit=9)
        if len(fields) < 10:
            raise invalid(path.name, f"line {number} must be: IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME.")
        image_id, camera_id = _integers([fields[0], fields[8]], path, number)
        pose = _numbers(fields[1:8], path, number)
        # The second line lists the features; a picture without any leaves it empty.
        number_of_features, features = next(lines, (number + 1, ""))
        values = np.array(_numbers(features.split(), path, number_of_features)).reshape(-1)
        if len(values) % 3:
            raise invalid(path.name, f"line {number_of_features} must be triples: X Y POINT3D_ID.")
        table = values.reshape(-1, 3)
        if not np.isfinite(table).all() or np.abs(table).max(initial=0) > 2**53:
            raise invalid(path.name, f"line {number_of_features} holds a number that is NaN or infinite.")
        where = f"image {image_id} ({shown(fields[9])}, line {number})"
        pixels, points = table[:, :2], table[:, 2].astype(np.int64)
        yield ImageEntry(image_id, fields[9], camera_id, tuple(pose[:4]), tuple(pose[4:]), pixels, points, where)


def _text_points(path: Path) -> tuple[Integers, Floats, NDArray[np.uint8]]:
    ids: list[int] = []
    xyz: list[list[float]] = []
    rgb: list[list[int]] = []
    for number, line in _content(path):
        fields = line.split(maxsplit=8)
        if len(fields) < 8:
            raise invalid(path.name, f"line {number} must be: POINT3D_ID X Y Z R G B ERROR TRACK.")
        ids += _integers(fields[:1], path, number)
        xyz.append(_numbers(fields[1:4], path, number))
        rgb.append([value & 255 for value in _integers(fields[4:7], path, number)])
    shape = (-1, 3)
    return np.array(ids, np.int64), np.array(xyz, float).reshape(shape), np.array(rgb, np.uint8).reshape(shape)


def _numbers(fields: list[str], path: Path, line: int) -> list[float]:
    try:
        return [float(field) for field in fields]
    except ValueError as error:
        raise invalid(path.name, f"line {line} holds something that is not a number.") from error


def _integers(fields: list[str], path: Path, line: int) -> list[int]:
    try:
        values = [int(field) for field in fields]
    except ValueError as error:
        raise invalid(path.name, f"line {line} holds something that is not a whole number.") from error
    if any(abs(value) >= 2**63 for value in values):
        raise invalid(path.name, f"line {line} holds a number that is too large.")
    return values


# Binary --------------------------------------------------------------------------------------------------------------


class _Bytes:
    """A file's content, taken from its beginning to its end."""

    def __init__(self, path: Path):
        self._path = path
        self._data = memoryview(path.read_bytes())
        self._at = 0

    def take(self, layout: str) -> tuple[int | float, ...]:
        """Little-endian values, as `struct` describes them."""
        size = struct.calcsize("<" + layout)
        return struct.unpack("<" + layout, self._part(size))

    def count(self, least: int) -> int:
        """A number of entries, each of which has at least so many bytes."""
        (count,) = self.take("Q")
        if int(count) * least > len(self._data) - self._at:
            raise self._cut_off()
        return int(count)

    def array(self, layout: np.dtype, count: int) -> NDArray[np.void]:
        return np.frombuffer(self._part(layout.itemsize * count), layout)

    def skip(self, size: int) -> None:
        self._part(size)

    def text(self) -> str:
        """Characters up to a zero byte."""
        end = bytes(self._data[self._at : self._at + _LONGEST_NAME]).find(b"\0")
        if end < 0:
            raise self._cut_off()
        text = bytes(self._part(end + 1))[:-1]
        return text.decode("utf-8", "replace")

    def _part(self, size: int) -> memoryview:
        if size > len(self._data) - self._at:
            raise self._cut_off()
        part = self._data[self._at : self._at + size]
        self._at += size
        return part

    def _cut_off(self) -> Exception:
        return invalid(self._path.name, "it is cut off, or not a file of a COLMAP model.")


def _binary_cameras(path: Path) -> Iterator[tuple[int, CameraEntry]]:
    data = _Bytes(path)
    for _ in range(data.count(24)):
        camera_id, model_id, width, height = (int(value) for value in data.take("iiQQ"))
        where = f"camera {camera_id}"
        model = _CAMERA_MODELS.get(model_id, f"number {model_id}")
        params = data.take(f"{_known_model(model, None, path, where)}d")
        yield camera_id, CameraEntry(model, width, height, params, where)


def _binary_images(path: Path) -> Iterator[ImageEntry]:
    data = _Bytes(path)
    layout = np.dtype([("xy", "<f8", 2), ("point", "<i8")])
    for _ in range(data.count(73)):
        image_id, *pose, camera_id = data.take("I7dI")
        name = data.text()
        features = data.array(layout, data.count(layout.itemsize))
        pixels, points = features["xy"].astype(np.float64), features["point"].astype(np.int64)
        where = f"image {image_id} ({shown(name)})"
        if not np.isfinite(pixels).all():
            raise invalid(path.name, f"{where} has a feature whose position is NaN or infinite.")
        numbers = tuple(float(value) for value in pose)
        yield ImageEntry(int(image_id), name, int(camera_id), numbers[:4], numbers[4:], pixels, points, where)


def _binary_points(path: Path) -> tuple[Integers, Floats, NDArray[np.uint8]]:
    data = _Bytes(path)
    layout = np.dtype([("id", "<i8"), ("xyz", "<f8", 3), ("rgb", "u1", 3), ("error", "<f8"), ("track", "<u8")])
    count = data.count(layout.itemsize)
    table = np.zeros(count, layout)
    for index in range(count):
        table[index] = data.array(layout, 1)[0]
        data.skip(8 * int(table["track"][index]))
    return table["id"].copy(), table["xyz"].copy(), table["rgb"].copy()
