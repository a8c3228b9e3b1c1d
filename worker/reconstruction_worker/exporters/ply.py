"""PLY with colours at the vertices, without the texture's seams. Written by `geometry.ply`, checked by trimesh."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray

from reconstruction_api.formats import ExportFormat

from ..geometry.mesh import Mesh, vertex_normals
from ..geometry.ply_file import write_ply
from ..geometry.render import sample
from .checking import Content, compare, failed, reading
from .exporter import Exporter
from .textured_model import Model

FILE = ExportFormat.PLY.file


def write(model: Model, folder: Path) -> list[Path]:
    """Write `model.ply`, z up as is usual for point clouds and surveys."""
    mesh, colours = coloured(model)
    unit = "metres" if model.metric else "scene units"
    write_ply(folder / FILE, mesh, vertex_normals(mesh), colours, comments=(f"z up, coordinates in {unit}",))
    return [folder / FILE]


def check(model: Model, folder: Path) -> Content:
    """Open `model.ply` again. Raises ExportFailed."""
    with reading(FILE):
        mesh = trimesh.load_mesh(folder / FILE, process=False)
        if getattr(mesh.visual, "kind", None) != "vertex":
            raise failed(FILE, "its vertices have no colours")
        found = Content(len(mesh.vertices), len(mesh.faces), np.asarray(mesh.bounds), None)
    compare(FILE, found, Content(len(model.welded()[0].vertices), len(model.faces), model.bounds(), None))
    return found


def coloured(model: Model) -> tuple[Mesh, NDArray[np.uint8]]:
    """The mesh without seams and the texture's colour at each vertex. [V, 3]"""
    mesh, index = model.welded()
    total = np.zeros((len(mesh.vertices), 3))
    np.add.at(total, index, sample(model.texture, model.uv))
    return mesh, (total / np.bincount(index)[:, None] + 0.5).astype(np.uint8)


EXPORTER = Exporter(write, check, up="z", checked_by=f"trimesh {trimesh.__version__}")
