"""Binary STL, for printers and CAD: triangles without colours, in metres where the scale is known. Written here,
checked by trimesh.

80 bytes of header, the number of triangles, and 50 bytes a triangle: its normal and three corners in single precision,
two unused bytes (3D Systems, "StereoLithography Interface Specification", 1989).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from reconstruction_api.formats import ExportFormat

from ..geometry.mesh import face_normals
from .checking import Content, compare, reading, require
from .exporter import Exporter
from .textured_model import Model

FILE = ExportFormat.STL.file
TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("unused", "<u2")])
HEADER_BYTES = 80
NORMAL_ERROR = 1e-3
"""What rounding leaves of a normal's length along the right direction; long thin triangles round most."""


def write(model: Model, folder: Path) -> list[Path]:
    """Write `model.stl`, z up as printers and CAD have it."""
    triangles = np.zeros(len(model.faces), TRIANGLE)
    triangles["corners"] = model.vertices[model.faces]
    triangles["normal"] = face_normals(model.welded()[0])
    unit = "metres" if model.metric else "scene units"
    header = f"binary STL, z up, coordinates in {unit}".encode().ljust(HEADER_BYTES)  # never begins with "solid": text
    path = folder / FILE
    path.write_bytes(header + np.uint32(len(triangles)).astype("<u4").tobytes() + triangles.tobytes())
    return [path]


def check(model: Model, folder: Path) -> Content:
    """Open `model.stl` again. Raises ExportFailed."""
    with reading(FILE):
        mesh = trimesh.load_mesh(folder / FILE, process=False)
        corners = np.asarray(mesh.triangles, np.float32)
        found = Content(_distinct(corners), len(mesh.faces), np.asarray(mesh.bounds), None)
        # trimesh computes normals again where the stored ones do not agree with the corners.
        stored = np.fromfile(folder / FILE, TRIANGLE, offset=HEADER_BYTES + 4)["normal"]
    wanted = model.vertices[model.faces]
    compare(FILE, found, Content(_distinct(wanted), len(model.faces), model.bounds(), None))
    require(FILE, bool(np.array_equal(corners, wanted)), "a triangle is not where it should be")
    across = np.cross(wanted[:, 1] - wanted[:, 0], wanted[:, 2] - wanted[:, 0])
    length = np.linalg.norm(across, axis=1)
    upright = (across * stored).sum(axis=1) >= (1 - NORMAL_ERROR) * length
    require(FILE, bool(upright.all()), "a normal does not stand on its triangle")
    return found


def _distinct(corners: NDArray[Any]) -> int:
    """Different places among the corners of triangles [F, 3, 3]."""
    return len(np.unique(corners.reshape(-1, 3), axis=0))


EXPORTER = Exporter(write, check, up="z", checked_by=f"trimesh {trimesh.__version__}")
