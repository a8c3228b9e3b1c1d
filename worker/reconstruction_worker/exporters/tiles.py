"""3D Tiles 1.1 (OGC 22-025r4): the mesh in several levels of detail, for maps and globes, at its place on Earth.

One tile a level, each in place of the coarser one above it; a mesh that cannot be made coarser has one tile. Tiles are
GLB files; the tileset says where they are: its transformation leads from the model (metres, z up) to earth-centred
coordinates where the place is known. Written here; tiles are checked like GLB, the tileset by the rules of 3D Tiles.
"""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from . import glb
from .checking import Content, reading, require
from .exporter import Exporter
from .gltf_checks import CHECKED_BY
from .simplified_model import simplified_model
from .style import Style
from .textured_model import Model

DEFAULT = Style(stem="tileset")
COARSER: Final = 5
"""How many times fewer triangles each level has than the one below it."""
COARSEST: Final = 5000
"""Triangles below which there is no coarser level."""
WORTH_A_LEVEL: Final = 0.5
"""Triangles that a coarser level may have at most, as a share of the level below it: meshes of many small pieces are
hard to simplify."""
MAX_LEVELS: Final = 4


def write(model: Model, folder: Path, style: Style = DEFAULT) -> list[Path]:
    """Write `tileset.json` and a GLB file for each level: `tileset_0.glb` is the finest."""
    levels = levels_of(model)
    files = [glb.write(level, folder, _level(style, index))[0] for index, level in enumerate(levels)]
    area, error = model.mesh().area(), 0.0
    tile: dict[str, Any] = {}
    for index, (level, file) in enumerate(zip(levels, files, strict=True)):
        below = {"children": [tile]} if tile else {}
        error = 0.0 if index == 0 else _edge(area, level)
        tile = {
            "boundingVolume": {"box": _box(model)},
            "geometricError": error,
            "refine": "REPLACE",
            "content": {"uri": file.name},
            **below,
        }
    if model.place is not None:
        tile = {"transform": model.place.earth_from_model().T.ravel().tolist()} | tile
    size = float(np.linalg.norm(np.ptp(model.bounds(), axis=0)))
    document = {"asset": {"version": "1.1"}, "geometricError": max(size, 2 * error), "root": tile}
    path = folder / f"{style.stem}.json"
    path.write_text(json.dumps(document, indent=1))
    return [path, *files]


def levels_of(model: Model) -> list[Model]:
    """The model, and coarser ones as long as they are much simpler than the one before."""
    levels = [model]
    while len(levels) < MAX_LEVELS and len(levels[-1].faces) > COARSEST:
        coarser = simplified_model(levels[-1], len(levels[-1].faces) // COARSER)
        if not 0 < len(coarser.faces) <= WORTH_A_LEVEL * len(levels[-1].faces):
            break
        levels.append(coarser)
    return levels


def check(model: Model, folder: Path, style: Style = DEFAULT) -> Content:
    """Open the tileset and its tiles again. Raises ExportFailed."""
    name = f"{style.stem}.json"
    with reading(name):
        document = json.loads((folder / name).read_text())
        require(name, document["asset"]["version"] == "1.1", "its version is another")
        tiles = [document["root"]]
        while "children" in tiles[-1]:
            tiles.append(tiles[-1]["children"][0])
        errors = [document["geometricError"], *(tile["geometricError"] for tile in tiles)]
        finer = all(above > below for above, below in pairwise(errors))
        require(name, errors[-1] == 0 and finer, "its levels do not get finer")
        stated = np.array(document["root"].get("transform", np.eye(4).ravel())).reshape(4, 4).T
        wanted = model.place.earth_from_model() if model.place is not None else np.eye(4)
        require(name, bool(np.allclose(stated, wanted, rtol=1e-12, atol=1e-6)), "it lies elsewhere")
        counts = [_faces(name, folder / tile["content"]["uri"]) for tile in tiles]
        require(name, counts == sorted(counts), "a finer level has fewer triangles")
    return glb.check(model, folder, _level(style, 0))


def _faces(name: str, path: Path) -> int:
    """Triangles of a tile."""
    require(name, path.is_file(), f"it refers to {path.name}, which is not beside it")
    document, _ = glb.unpacked(path.name, path.read_bytes())
    corners = (document["accessors"][each["indices"]]["count"] for each in document["meshes"][0]["primitives"])
    return sum(corners) // 3


def _level(style: Style, index: int) -> Style:
    return replace(style, stem=f"{style.stem}_{index}")


def _box(model: Model) -> list[float]:
    """Centre and half axes of the box around the model, z up."""
    low, high = model.bounds().astype(float)
    return [*((low + high) / 2).tolist(), *np.diag(np.maximum((high - low) / 2, 1e-6)).ravel().tolist()]


def _edge(area: float, level: Model) -> float:
    """What a level leaves out is at most about as large as its triangles: the side of equilateral ones that as many
    cover the whole surface with. Of the whole surface and not of the level, so that fewer triangles are always a larger
    error, whatever the simplification has made of thin and small ones."""
    return float(np.sqrt(4 / np.sqrt(3) * area / len(level.faces)))


EXPORTER = Exporter(write, check, up="z", checked_by=f"{CHECKED_BY}, the rules of 3D Tiles", styled=True)
