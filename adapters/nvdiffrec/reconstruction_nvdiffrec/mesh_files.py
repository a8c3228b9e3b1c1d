"""Meshes as nvdiffrec reads and writes them: OBJ in its own world, each corner with vertex, texture place and normal,
and a material of textures beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.geometry.atlas import Atlas
from reconstruction_worker.geometry.coloured_mesh import ColouredMesh
from reconstruction_worker.geometry.mesh import Mesh

from .frames import to_theirs, to_world

MATERIAL: Final = "defaultMat"
GREY: Final = 128


def write_base(folder: Path, atlas: Atlas, colours: NDArray[np.uint8], size: int) -> Path:
    """A mesh with texture places and one grey texture of `size` pixels, which is where its optimisation begins;
    `colours` [V, 3] give the grey. The file's path."""
    folder.mkdir(parents=True, exist_ok=True)
    mean = np.broadcast_to(colours.mean(axis=0).round().astype(np.uint8), (size, size, 3))
    Image.fromarray(np.ascontiguousarray(mean)).save(folder / "texture_kd.png")
    rough = np.broadcast_to(np.array([0, GREY, 0], np.uint8), (size, size, 3))
    Image.fromarray(np.ascontiguousarray(rough)).save(folder / "texture_ks.png")
    (folder / "base.mtl").write_text(
        f"newmtl {MATERIAL}\nbsdf pbr\nmap_Kd texture_kd.png\nmap_Ks texture_ks.png\n", encoding="ascii"
    )
    lines = ["mtllib base.mtl", "g default"]
    lines += [f"v {x:.7g} {y:.7g} {z:.7g}" for x, y, z in to_theirs(atlas.mesh.vertices)]
    lines += [f"vt {u:.7g} {1 - v:.7g}" for u, v in atlas.uv]
    lines += [f"vn {x:.5g} {y:.5g} {z:.5g}" for x, y, z in to_theirs(atlas.normals.astype(np.float64))]
    lines += ["s 1", f"usemtl {MATERIAL}"]
    lines += [f"f {a}/{a}/{a} {b}/{b}/{b} {c}/{c}/{c}" for a, b, c in atlas.mesh.faces + 1]
    path = folder / "base.obj"
    path.write_text("\n".join([*lines, ""]), encoding="ascii")
    return path


def read_mesh(path: Path) -> ColouredMesh:
    """The mesh in our world, with the colours of its texture at the vertices. Raises EmptyMesh where it has no
    triangles, EngineUnavailable where it is no such file."""
    vertices, places, faces, corners, library = [], [], [], [], ""
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            kind, _, rest = line.strip().partition(" ")
            if kind == "v":
                vertices.append([float(each) for each in rest.split()[:3]])
            elif kind == "vt":
                places.append([float(each) for each in rest.split()[:2]])
            elif kind == "mtllib":
                library = rest.strip()
            elif kind == "f":
                parts = [each.split("/") for each in rest.split()]
                faces.append([int(each[0]) - 1 for each in parts])
                corners.append([int(each[1]) - 1 if len(each) > 1 and each[1] else -1 for each in parts])
        mesh = Mesh(to_world(np.array(vertices, float).reshape(-1, 3)), np.array(faces, np.int32).reshape(-1, 3))
        uv = _of_vertices(len(vertices), mesh.faces, np.array(corners, np.int64).reshape(-1, 3), np.array(places))
    except (OSError, ValueError, IndexError) as error:
        raise ReconstructionError(
            "EngineUnavailable", f"{path.name} of nvdiffrec can't be read: {type(error).__name__}."
        ) from error
    if not len(mesh.faces) or not np.isfinite(mesh.vertices).all():
        raise ReconstructionError("EmptyMesh", "nvdiffrec has left a mesh without triangles.")
    return ColouredMesh(mesh, _colours(path.parent, library, uv, len(vertices)))


def _of_vertices(
    count: int, faces: NDArray[np.int32], corners: NDArray[np.int64], places: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """A texture place for each vertex [V, 2], that of one of its corners; None where corners have none."""
    if not len(places) or (corners < 0).any():
        return None
    uv = np.zeros((count, 2))
    uv[faces.ravel()] = places[corners.ravel()]
    return uv


def _colours(folder: Path, library: str, uv: NDArray[np.float64] | None, count: int) -> NDArray[np.uint8]:
    texture = _texture(folder, library)
    if texture is None or uv is None:
        return np.full((count, 3), GREY, np.uint8)
    height, width = texture.shape[:2]
    column = np.clip((uv[:, 0] * width).astype(int), 0, width - 1)
    row = np.clip(((1 - uv[:, 1]) * height).astype(int), 0, height - 1)
    return texture[row, column]


def _texture(folder: Path, library: str) -> NDArray[np.uint8] | None:
    """The picture of the material's base colours; None where there is none. Names must stay in the folder."""
    path = folder / Path(library).name
    if not library or not path.is_file():
        return None
    for line in path.read_text(encoding="utf-8").splitlines():
        kind, _, name = line.strip().partition(" ")
        if kind.lower() == "map_kd" and (file := folder / Path(name.strip()).name).is_file():
            with Image.open(file) as picture:
                return np.asarray(picture.convert("RGB"))
    return None
