"""Gaussians as binary glTF 2.0 with the extension KHR_gaussian_splatting (Khronos, release candidate of 2026). Written
here, checked by trimesh, and against the extension's rules in `gltf_splats`.

A viewer that does not know the extension shows points in the colours of the Gaussians.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray

from reconstruction_api.formats import ExportFormat

from ..geometry.gaussians import Gaussians
from ..geometry.harmonics import CONSTANT
from .checking import Content, compare, failed, reading
from .exporter import Exporter
from .gaussian_values import Rounding, compare_gaussians, y_up
from .gltf_buffer import FLOAT, UNSIGNED_BYTE, Buffer, corners
from .gltf_container import packed
from .gltf_splats import EXTENSION, KIND, coefficient_names, read_splats

FILE = ExportFormat.SPLAT_GLB.file
POINTS = 0
"""Mode of a primitive."""


def write(gaussians: Gaussians, folder: Path) -> list[Path]:
    """Write `splats.glb`, upright with y up. `gaussians` are z up."""
    path = folder / FILE
    path.write_bytes(encode(y_up(gaussians)))
    return [path]


def check(gaussians: Gaussians, folder: Path) -> Content:
    """Open `splats.glb` again. Raises ExportFailed."""
    data, meant = (folder / FILE).read_bytes(), y_up(gaussians)
    with reading(FILE):
        found = replace(read_splats(FILE, data), antialiased=meant.antialiased)  # the extension can't say it
        shown = trimesh.load_scene(trimesh.util.wrap_as_stream(data), file_type="glb", process=False).dump()
        if len(shown) != 1 or not isinstance(shown[0], trimesh.PointCloud):
            raise failed(FILE, "other viewers do not find one cloud of points in it")
        points = Content(len(shown[0].vertices), 0, np.asarray(shown[0].bounds), None)
    content = compare_gaussians(FILE, found, meant, Rounding(0, 1e-6, 0, 0, 0, 0))
    compare(FILE, points, content)
    return content


def encode(gaussians: Gaussians) -> bytes:
    """Gaussians that are already y up, as GLB."""
    buffer = Buffer()
    attributes = {
        "POSITION": buffer.attribute(gaussians.means, FLOAT, **corners(gaussians.means), name="positions"),
        "COLOR_0": buffer.attribute(_point_colours(gaussians), UNSIGNED_BYTE, normalized=True, name="points"),
        f"{EXTENSION}:ROTATION": buffer.attribute(np.roll(gaussians.rotations, -1, axis=1), FLOAT, name="rotations"),
        f"{EXTENSION}:SCALE": buffer.attribute(gaussians.scales, FLOAT, name="scales"),
        f"{EXTENSION}:OPACITY": buffer.attribute(gaussians.opacities[:, None], FLOAT, name="opacities"),
    }
    for index, name in enumerate(coefficient_names(gaussians.harmonics.shape[1])):
        attributes[name] = buffer.attribute(gaussians.harmonics[:, index], FLOAT)
    primitive = {"attributes": attributes, "mode": POINTS, "extensions": {EXTENSION: KIND}}
    document = {
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "splats"}],
        "meshes": [{"name": "splats", "primitives": [primitive]}],
        "extensionsUsed": [EXTENSION],
    }
    return packed(document, buffer)


def _point_colours(gaussians: Gaussians) -> NDArray[np.uint8]:
    """Colour and opacity for viewers that show points: linear, as glTF has colours of vertices. [N, 4]"""
    shown = np.clip(gaussians.harmonics[:, 0] * CONSTANT + 0.5, 0, 1)
    linear = np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)  # IEC 61966-2-1
    return np.rint(np.c_[linear, gaussians.opacities] * 255).astype(np.uint8)


EXPORTER = Exporter(
    write, check, up="y", checked_by=f"trimesh {trimesh.__version__} and the rules of KHR_gaussian_splatting"
)
