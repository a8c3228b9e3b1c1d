"""Camera poses from a file: nerfstudio's camera_path.json, a list of matrices or of positions (docs/turntable.md)."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from reconstruction_api.errors import ReconstructionError

from ..geometry.orbit import looking_at
from ..poses.provided.validity import as_number, invalid, rigid, shown

MAX_BYTES: Final = 16 << 20
"""A ConfigMap holds a megabyte; local runs have no other limit."""
MAX_POSES: Final = 14_400
_NARROWEST, _WIDEST = 1.0, 170.0
"""Degrees."""
_PERSPECTIVE = "perspective"
_FORM = 'a list of poses, or an object with one in "camera_path" (nerfstudio) or "poses"'


@dataclass(frozen=True)
class PathPose:
    """A place of the camera on its path."""

    camera_to_world: NDArray[np.float64]
    """[4, 4], OpenGL axes: x right, y up, z backward."""
    field_of_view: float | None
    """Across the shorter side of the picture, in radians; None where the file does not say."""


def read_path(file: Path, name: str, world_from_file: NDArray[np.float64] | None = None) -> list[PathPose]:
    """The poses of a file, which messages call `name`; `world_from_file` [4, 4], a similarity, leads from its
    coordinates to those of the scene. Raises InvalidPoses, naming the entry, and FileTooLarge."""
    try:
        poses = _poses(_parsed(file, name), name)
    except ReconstructionError as error:
        hint = "Correct the file; docs/turntable.md has its forms." if error.code == "InvalidPoses" else None
        raise ReconstructionError(error.code, error.message, suggestion=hint, details=error.details) from None
    if world_from_file is None:
        return poses
    return [PathPose(_moved(pose.camera_to_world, world_from_file), pose.field_of_view) for pose in poses]


def _poses(document: Any, name: str) -> list[PathPose]:
    entries, size = _entries(document, name)
    if not 2 <= len(entries) <= MAX_POSES:
        raise invalid(name, f"it has {len(entries)} poses; a path has 2 to {MAX_POSES:,}.")
    return [_pose(entry, name, f"entry {number}", size) for number, entry in enumerate(entries, start=1)]


def _parsed(file: Path, name: str) -> Any:
    if (size := file.stat().st_size) > MAX_BYTES:
        raise ReconstructionError("FileTooLarge", f"{name}: it has {size >> 20} MB; the limit is {MAX_BYTES >> 20} MB.")
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise invalid(name, "it is not text in UTF-8.") from None
    except (ValueError, RecursionError) as error:
        where = f"line {error.lineno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else "it can't be parsed"
        raise invalid(name, f"it is not JSON ({where}).") from None


def _entries(document: Any, name: str) -> tuple[list[Any], tuple[float, float] | None]:
    """The poses, and the size of the pictures that their angles of view are for, where it is known."""
    if isinstance(document, list):
        return cast(list[Any], document), None
    if isinstance(document, dict):
        found = cast(dict[str, Any], document)
        if (kind := found.get("camera_type", _PERSPECTIVE)) != _PERSPECTIVE:
            raise invalid(name, f"camera_type must be {_PERSPECTIVE}, not {shown(str(kind))}.")
        for key in ("camera_path", "poses"):
            if isinstance(found.get(key), list):
                return found[key], _size(found, name)
    raise invalid(name, f"it must be {_FORM}.")


def _size(document: dict[str, Any], name: str) -> tuple[float, float] | None:
    if "render_width" not in document or "render_height" not in document:
        return None
    width, height = (as_number(document[key], name, key) for key in ("render_width", "render_height"))
    if width <= 0 or height <= 0:
        raise invalid(name, "render_width and render_height must be above 0.")
    return width, height


def _pose(entry: Any, name: str, where: str, size: tuple[float, float] | None) -> PathPose:
    if isinstance(entry, list):
        return PathPose(_matrix(entry, name, where, "the matrix"), None)
    if not isinstance(entry, dict):
        raise invalid(name, f"{where}: it must be a matrix or an object.")
    found = cast(dict[str, Any], entry)
    if "camera_to_world" in found:
        matrix = _matrix(found["camera_to_world"], name, where, "camera_to_world")
        return PathPose(matrix, _vertical(found, name, where, size))
    view = found.get("fieldOfViewDegrees")
    angle = None if view is None else _angle(view, name, where, "fieldOfViewDegrees")
    if "matrix" in found:
        _only(found, {"matrix", "fieldOfViewDegrees"}, name, where)
        return PathPose(_matrix(found["matrix"], name, where, "matrix"), angle)
    if "position" in found and "lookAt" in found:
        _only(found, {"position", "lookAt", "fieldOfViewDegrees"}, name, where)
        position, target = (_point(found[key], name, where, key) for key in ("position", "lookAt"))
        if np.linalg.norm(target - position) < 1e-9:
            raise invalid(name, f"{where}: position and lookAt are the same point.")
        return PathPose(rigid(looking_at(position, target), name, where, "the camera"), angle)
    raise invalid(name, f"{where}: it needs camera_to_world, matrix, or position with lookAt.")


def _only(entry: dict[str, Any], known: set[str], name: str, where: str) -> None:
    if others := sorted(entry.keys() - known):
        raise invalid(name, f"{where}: {shown(others[0])!r} means nothing here; known are {', '.join(sorted(known))}.")


def _matrix(value: Any, name: str, where: str, field: str) -> NDArray[np.float64]:
    """Four rows of four numbers, or all sixteen in one list, row by row, as nerfstudio writes them."""
    rows = cast(list[Any], value) if isinstance(value, list) else []
    flat = [number for row in rows for number in (cast(list[Any], row) if isinstance(row, list) else [row])]
    if len(flat) != 16 or len(rows) not in (4, 16):
        raise invalid(name, f"{where}: {field} must be 4 rows of 4 numbers.")
    numbers = [as_number(number, name, f"{where}: each value of {field}") for number in flat]
    return rigid(np.array(numbers).reshape(4, 4), name, where, field)


def _point(value: Any, name: str, where: str, field: str) -> NDArray[np.float64]:
    numbers = cast(list[Any], value) if isinstance(value, list) else []
    if len(numbers) != 3:
        raise invalid(name, f"{where}: {field} must be 3 numbers.")
    return np.array([as_number(number, name, f"{where}: each value of {field}") for number in numbers])


def _vertical(entry: dict[str, Any], name: str, where: str, size: tuple[float, float] | None) -> float | None:
    """nerfstudio's `fov` is from the lower to the upper edge."""
    if entry.get("fov") is None:
        return None
    angle = _angle(entry["fov"], name, where, "fov")
    if size is None or size[0] >= size[1]:
        return angle
    return 2 * math.atan(math.tan(angle / 2) * size[0] / size[1])


def _angle(value: Any, name: str, where: str, field: str) -> float:
    degrees = as_number(value, name, f"{where}: {field}")
    if not _NARROWEST <= degrees <= _WIDEST:
        raise invalid(name, f"{where}: {field} {degrees:g} is not between {_NARROWEST:g} and {_WIDEST:g} degrees.")
    return math.radians(degrees)


def _moved(pose: NDArray[np.float64], similarity: NDArray[np.float64]) -> NDArray[np.float64]:
    result = similarity @ pose
    result[:3, :3] /= np.cbrt(np.linalg.det(similarity[:3, :3]))
    return result
