"""Gaussians as PLY, in the layout of Kerbl et al. 2023 that splat viewers read. Written here, checked by trimesh.

A vertex has its position, a normal that nobody uses, the harmonics of its colour (the constant ones, then the others,
channel by channel), the logit of its opacity, the logarithms of its scales and its rotation (w, x, y, z).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray

from reconstruction_api.formats import ExportFormat

from ..geometry.gaussians import Gaussians
from .checking import Content, compare, failed, reading, require
from .exporter import Exporter
from .gaussian_values import content_of, log_scales, opacity_logits, ply_comments

FILE = ExportFormat.SPLAT_PLY.file


def write(gaussians: Gaussians, folder: Path) -> list[Path]:
    """Write `splats.ply`, z up."""
    columns = _columns(gaussians)
    header = ["ply", "format binary_little_endian 1.0", *ply_comments(gaussians), f"element vertex {len(gaussians)}"]
    header += [f"property float {name}" for name in columns]
    rows = np.stack([values.astype("<f4") for values in columns.values()], axis=1)
    path = folder / FILE
    path.write_bytes("\n".join([*header, "end_header", ""]).encode() + np.ascontiguousarray(rows).tobytes())
    return [path]


def check(gaussians: Gaussians, folder: Path) -> Content:
    """Open `splats.ply` again. Raises ExportFailed."""
    with reading(FILE):
        cloud = trimesh.load(folder / FILE, process=False)
        stored = cloud.metadata["_ply_raw"]["vertex"]["data"]
        names = list(stored.dtype.names)
        points = np.stack([stored[axis] for axis in "xyz"], axis=1)
        found = Content(len(points), 0, np.stack([points.min(axis=0), points.max(axis=0)]), None)
    compare(FILE, found, content_of(gaussians))
    for name, values in _columns(gaussians).items():
        if name not in names:
            raise failed(FILE, f"it lacks the property {name}")
        require(FILE, bool(np.isfinite(stored[name]).all()), f"{name} is NaN or infinite")
        require(FILE, bool(np.array_equal(stored[name], values.astype("<f4"))), f"{name} is not what was written")
    return found


def _columns(gaussians: Gaussians) -> dict[str, NDArray[np.floating]]:
    """By the names that viewers know. [N] each"""
    normal = np.zeros(len(gaussians), np.float32)
    rest = gaussians.harmonics[:, 1:].transpose(0, 2, 1).reshape(len(gaussians), -1)  # channel by channel
    groups = {
        "f_dc": gaussians.harmonics[:, 0],
        "f_rest": rest,
        "opacity": opacity_logits(gaussians)[:, None],
        "scale": log_scales(gaussians),
        "rot": gaussians.rotations,
    }
    columns = dict(zip("xyz", gaussians.means.T, strict=True)) | {f"n{axis}": normal for axis in "xyz"}
    for name, values in groups.items():
        names = [name] if name == "opacity" else [f"{name}_{index}" for index in range(values.shape[1])]
        columns |= dict(zip(names, values.T, strict=True))
    return columns


EXPORTER = Exporter(write, check, up="z", checked_by=f"trimesh {trimesh.__version__}")
