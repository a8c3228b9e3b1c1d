"""The textured model, read back from the best of the files that hold it: GLB, GLTF or OBJ."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from reconstruction_api.exports import Compression, Export, TextureFormat
from reconstruction_api.formats import ExportFormat

from ..exporters.gltf_container import attribute_of, check_buffers, unpacked, values_of, view_of
from ..exporters.gltf_geometry import DRACO
from ..exporters.gltf_meshopt import plain
from ..exporters.style import decoded_rgb
from ..exporters.textured_model import Z_UP_TO_Y_UP, Model, joined
from ..stage_files import numbered

READ_AGAIN: Final = (ExportFormat.GLB, ExportFormat.GLTF, ExportFormat.OBJ)

Arrays = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32], NDArray[np.float32]]
"""Vertices, normals, faces, uv, as in `Model`, y up."""
Pages = list[tuple[Arrays, NDArray[np.uint8]]]
"""What is on each page of the texture, and its picture."""


def best_source(exports: Sequence[Export]) -> Export | None:
    """The entry that has lost least of the model; None where none holds all of its triangles and its texture."""
    whole = [each for each in exports if each.format in READ_AGAIN and each.target_faces is None]
    return min(whole, key=_losses, default=None)


def read_model(folder: Path, export: Export, *, metric: bool) -> Model:
    """The model in the files of an entry, z up. Raises ExportFailed for a file that breaks the rules of glTF."""
    stem = export.name or export.format.stem
    read = {ExportFormat.GLB: _from_glb, ExportFormat.GLTF: _from_gltf, ExportFormat.OBJ: _from_obj}[export.format]
    pages = read(folder, f"{stem}{export.format.suffix}")
    return joined([_z_up(arrays, texture, metric=metric) for arrays, texture in pages])


def _z_up(arrays: Arrays, texture: NDArray[np.uint8], *, metric: bool) -> Model:
    vertices, normals, faces, uv = arrays
    lengths = np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    vertices, normals = (
        np.ascontiguousarray(each @ Z_UP_TO_Y_UP, np.float32) for each in (vertices, normals / lengths)
    )
    return Model(vertices, normals, faces, uv, texture, metric)


def _losses(export: Export) -> tuple[bool, bool, bool]:
    """Rounded corners, a texture that was compressed with losses, and decimals of a text."""
    usual = TextureFormat.PNG if export.format is ExportFormat.OBJ else TextureFormat.JPEG
    lossy = (export.texture_format or usual) is not TextureFormat.PNG
    return export.chosen_compression is not Compression.NONE, lossy, export.format is ExportFormat.OBJ


def _from_glb(folder: Path, name: str) -> Pages:
    document, binary = plain(name, *unpacked(name, (folder / name).read_bytes()))
    pictures = [view_of(document, binary, image["bufferView"]) for image in document["images"]]
    return _pages(name, document, binary, pictures)


def _from_gltf(folder: Path, name: str) -> Pages:
    document = json.loads((folder / name).read_text())
    binary = (folder / Path(document["buffers"][0]["uri"]).name).read_bytes()
    pictures = [(folder / Path(image["uri"]).name).read_bytes() for image in document["images"]]
    check_buffers(name, document, binary)
    return _pages(name, *plain(name, document, binary), pictures)


def _pages(name: str, document: dict[str, Any], binary: bytes, pictures: Sequence[bytes]) -> Pages:
    """As the worker writes them: a primitive for each picture, in the same order."""
    primitives = document["meshes"][0]["primitives"]
    return [
        (_surface(name, document, binary, primitive), decoded_rgb(picture))
        for primitive, picture in zip(primitives, pictures, strict=True)
    ]


def _surface(name: str, document: dict[str, Any], binary: bytes, primitive: dict[str, Any]) -> Arrays:
    node = document["nodes"][0]
    if packed := primitive.get("extensions", {}).get(DRACO):
        import DracoPy

        found = DracoPy.decode(view_of(document, binary, packed["bufferView"]))
        return (
            np.asarray(found.points, np.float32),
            np.asarray(found.normals, np.float32),
            np.asarray(found.faces, np.int32),
            np.asarray(found.tex_coord, np.float32),
        )
    at = primitive["attributes"]
    positions, normals, uv = (
        attribute_of(name, document, binary, at[each]).astype(np.float64)
        for each in ("POSITION", "NORMAL", "TEXCOORD_0")
    )
    positions = positions * node.get("scale", [1.0] * 3) + node.get("translation", [0.0] * 3)
    faces = values_of(name, document, binary, primitive["indices"]).reshape(-1, 3)
    return positions.astype(np.float32), normals.astype(np.float32), faces.astype(np.int32), uv.astype(np.float32)


def _from_obj(folder: Path, name: str) -> Pages:
    """As the worker writes it: each vertex has its normal and its place in the texture under one number, and triangles
    stand behind the material of their page."""
    lines: dict[str, list[str]] = {"v": [], "vt": [], "vn": []}
    faces: list[list[str]] = []
    with (folder / name).open(encoding="ascii") as file:
        for line in file:
            kind, _, values = line.partition(" ")
            if kind in lines:
                lines[kind].append(values)
            elif kind == "usemtl":
                faces.append([])
            elif kind == "f":
                faces[-1].append(values)
    positions, uv, normals = (_numbers(lines[kind], width) for kind, width in (("v", 3), ("vt", 2), ("vn", 3)))
    uv[:, 1] = 1 - uv[:, 1]
    pages = []
    for page, own in enumerate(faces):
        (texture,) = folder.glob(f"{name.partition('.')[0]}_basecolor{numbered(page)}.*")
        corners = np.array([corner.partition("/")[0] for line in own for corner in line.split()], np.int64) - 1
        used, compact = np.unique(corners, return_inverse=True)
        triangles = compact.reshape(-1, 3).astype(np.int32)
        if len(faces) == 1:
            used, triangles = np.arange(len(positions)), corners.reshape(-1, 3).astype(np.int32)
        pages.append(((positions[used], normals[used], triangles, uv[used]), decoded_rgb(texture.read_bytes())))
    return pages


def _numbers(lines: list[str], width: int) -> NDArray[np.float32]:
    return np.array(" ".join(lines).split(), np.float32).reshape(-1, width)
