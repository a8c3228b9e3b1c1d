"""Rules of glTF 2.0 that a GLB file must obey, read from its bytes alone.

A subset of what the Khronos validator checks: container, references, bounds of views and accessors, and the values
inside (finite positions within the stated bounds, unit normals, indices in range, a texture that decodes).
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checking import decoded_size, require

COMPONENTS = {5121: np.dtype("u1"), 5123: np.dtype("<u2"), 5125: np.dtype("<u4"), 5126: np.dtype("<f4")}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
SIGNATURES = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n"}


def check_rules(name: str, data: bytes) -> tuple[int, int]:
    """Width and height of the base colour texture. Raises ExportFailed naming the rule that is broken."""
    document, binary = _container(name, data)
    require(name, document["asset"]["version"] == "2.0", "its asset version is not 2.0")
    require(name, document["buffers"][0]["byteLength"] <= len(binary), "its buffer is longer than the binary chunk")
    for view in document["bufferViews"]:
        end = view.get("byteOffset", 0) + view["byteLength"]
        require(name, end <= document["buffers"][0]["byteLength"], "a buffer view ends behind the buffer")
    for mesh in document["meshes"]:
        for primitive in mesh["primitives"]:
            _primitive(name, document, binary, primitive)
    material = document["materials"][0]["pbrMetallicRoughness"]
    texture = document["textures"][material["baseColorTexture"]["index"]]
    require(name, texture["sampler"] < len(document["samplers"]), "its texture names a sampler that is not there")
    image = document["images"][texture["source"]]
    picture = _view(document, binary, image["bufferView"])
    require(name, picture.startswith(SIGNATURES[image["mimeType"]]), "its texture is not of the stated media type")
    return decoded_size(name, picture)


def _container(name: str, data: bytes) -> tuple[dict[str, Any], bytes]:
    magic, version, length = struct.unpack_from("<4sII", data)
    require(name, magic == b"glTF" and version == 2, "it is not a GLB 2 file")
    require(name, length == len(data), f"its header says {length} bytes, the file has {len(data)}")
    chunks, position = [], 12
    while position < len(data):
        size, kind = struct.unpack_from("<I4s", data, position)
        require(name, size % 4 == 0 and position + 8 + size <= len(data), "a chunk is cut off or not aligned")
        chunks.append((kind, data[position + 8 : position + 8 + size]))
        position += 8 + size
    require(name, [kind for kind, _ in chunks] == [b"JSON", b"BIN\0"], "it lacks a JSON and a binary chunk")
    return json.loads(chunks[0][1]), chunks[1][1]


def _view(document: dict[str, Any], binary: bytes, index: int) -> bytes:
    view = document["bufferViews"][index]
    start = view.get("byteOffset", 0)
    return binary[start : start + view["byteLength"]]


def _accessor(name: str, document: dict[str, Any], binary: bytes, index: int) -> NDArray[Any]:
    """Values of an accessor. [N, width]"""
    accessor = document["accessors"][index]
    kind, width = COMPONENTS[accessor["componentType"]], WIDTHS[accessor["type"]]
    view = document["bufferViews"][accessor["bufferView"]]
    offset = accessor.get("byteOffset", 0)
    aligned = (view.get("byteOffset", 0) + offset) % kind.itemsize == 0
    require(name, aligned, "an accessor is not aligned to its component's size")
    size = accessor["count"] * width * kind.itemsize
    require(name, offset + size <= view["byteLength"], "an accessor reaches beyond its buffer view")
    content = _view(document, binary, accessor["bufferView"])[offset : offset + size]
    return np.frombuffer(content, kind).reshape(-1, width)


def _primitive(name: str, document: dict[str, Any], binary: bytes, primitive: dict[str, Any]) -> None:
    values = {key: _accessor(name, document, binary, index) for key, index in primitive["attributes"].items()}
    positions, normals, uv = values["POSITION"], values["NORMAL"], values["TEXCOORD_0"]
    require(name, len(positions) == len(normals) == len(uv), "its vertex attributes differ in length")
    require(name, bool(np.isfinite(positions).all()), "a vertex position is not a finite number")
    stated = document["accessors"][primitive["attributes"]["POSITION"]]
    exact = np.allclose(positions.min(axis=0), stated["min"], rtol=1e-6, atol=0) and np.allclose(
        positions.max(axis=0), stated["max"], rtol=1e-6, atol=0
    )
    require(name, exact, "its positions are not within the stated bounds")
    lengths = np.linalg.norm(normals, axis=1)
    require(name, bool((np.abs(lengths - 1) < 1e-3).all()), "a normal is not of unit length")
    require(name, bool(np.isfinite(uv).all()), "a texture coordinate is not a finite number")
    indices = _accessor(name, document, binary, primitive["indices"])[:, 0]
    require(name, len(indices) % 3 == 0 and len(indices) > 0, "its indices are not whole triangles")
    require(name, int(indices.max()) < len(positions), "an index points behind the last vertex")
    require(name, primitive["material"] < len(document["materials"]), "it names a material that is not there")
