"""Rules of glTF 2.0 that a file must obey, read from its document and bytes alone.

A subset of what the Khronos validator checks: references, bounds of views and accessors, and the values
inside (finite positions within the stated bounds, unit normals, indices in range, a texture that decodes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checking import decoded_size, require
from .gltf_buffer import BYTE, FLOAT, WIDTHS
from .gltf_container import attribute_of, values_of, view_of
from .gltf_document import WEBP
from .gltf_geometry import DRACO, QUANTIZATION
from .triangles import Triangles

BYTE_NORMAL_ERROR = 0.5 * 3**0.5 / 127
"""Of the length of a direction whose three numbers were rounded to a byte."""
SIGNATURES = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n", "image/webp": b"RIFF"}


@dataclass(frozen=True)
class Surface:
    """What a file shows on a page of its texture: triangles where its node places them, and the page's size (width,
    height)."""

    triangles: Triangles
    texture: tuple[int, int]


def check_rules(name: str, document: dict[str, Any], binary: bytes, pictures: Sequence[bytes]) -> list[Surface]:
    """The model in a document, its buffer and its images, by page. Raises ExportFailed naming the rule that is
    broken."""
    _extensions(name, document)
    require(name, len(document["meshes"]) == len(document["nodes"]) == 1, "it does not hold one piece, shown once")
    primitives = document["meshes"][0]["primitives"]
    shown = [_shown(name, document, primitive) for primitive in primitives]
    require(name, shown == list(range(len(pictures))), "its pages are not those of its texture, one after the other")
    return [
        _surface(name, document, binary, primitive, picture)
        for primitive, picture in zip(primitives, pictures, strict=True)
    ]


def _surface(name: str, document: dict[str, Any], binary: bytes, primitive: dict[str, Any], picture: bytes) -> Surface:
    node, triangles = document["nodes"][0], _primitive(name, document, binary, primitive)
    placed = triangles.positions * node.get("scale", [1, 1, 1]) + node.get("translation", [0, 0, 0])
    image = document["images"][_shown(name, document, primitive)]
    require(name, picture.startswith(SIGNATURES[image["mimeType"]]), "its texture is not of the stated media type")
    return Surface(Triangles(placed, triangles.uv, triangles.faces), decoded_size(name, picture))


def _shown(name: str, document: dict[str, Any], primitive: dict[str, Any]) -> int:
    """The image that a primitive's material leads to."""
    require(name, primitive["material"] < len(document["materials"]), "it names a material that is not there")
    material = document["materials"][primitive["material"]]["pbrMetallicRoughness"]
    texture = document["textures"][material["baseColorTexture"]["index"]]
    require(name, texture["sampler"] < len(document["samplers"]), "its texture names a sampler that is not there")
    return texture["source"] if "source" in texture else texture["extensions"][WEBP]["source"]


def _extensions(name: str, document: dict[str, Any]) -> None:
    """What a reader has to know is stated."""
    required = document.get("extensionsRequired", [])
    webp = any(image["mimeType"] == "image/webp" for image in document["images"])
    require(name, not webp or WEBP in required, "it does not say which extensions a reader must know")
    require(name, set(required) <= set(document.get("extensionsUsed", [])), "it requires an extension it does not use")
    for mesh in document["meshes"]:
        for primitive in mesh["primitives"]:
            used = set(primitive.get("extensions", {}))
            types = {key: document["accessors"][at]["componentType"] for key, at in primitive["attributes"].items()}
            if types["POSITION"] != FLOAT or types["NORMAL"] != FLOAT:
                used.add(QUANTIZATION)
            require(name, used <= set(required), "it does not say which extensions a reader must know")


def _attributes(
    name: str, document: dict[str, Any], binary: bytes, primitive: dict[str, Any]
) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
    """Vertex attributes by name [V, width] and indices [3 F]."""
    if packed := primitive.get("extensions", {}).get(DRACO):
        return _unpacked(name, document, view_of(document, binary, packed["bufferView"]), primitive)
    values = {key: attribute_of(name, document, binary, index) for key, index in primitive["attributes"].items()}
    return values, values_of(name, document, binary, primitive["indices"])[:, 0]


def _unpacked(
    name: str, document: dict[str, Any], content: bytes, primitive: dict[str, Any]
) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
    """The same from Draco's stream, as many of each as the accessors state."""
    import DracoPy

    decoded, accessors = DracoPy.decode(content), document["accessors"]
    ids = primitive["extensions"][DRACO]["attributes"]
    values = {key: decoded.get_attribute_by_unique_id(each)["data"] for key, each in ids.items()}
    for key, index in primitive["attributes"].items():
        same = values[key].shape == (accessors[index]["count"], WIDTHS[accessors[index]["type"]])
        require(name, same, f"its compressed {key} does not have as many values as it states")
    indices = np.asarray(decoded.faces).reshape(-1)
    stated = accessors[primitive["indices"]]["count"]
    require(name, len(indices) == stated, "it does not have as many compressed triangles as it states")
    return values, indices


def _primitive(name: str, document: dict[str, Any], binary: bytes, primitive: dict[str, Any]) -> Triangles:
    values, indices = _attributes(name, document, binary, primitive)
    positions, normals, uv = values["POSITION"], values["NORMAL"], values["TEXCOORD_0"]
    require(name, len(positions) == len(normals) == len(uv), "its vertex attributes differ in length")
    require(name, bool(np.isfinite(positions).all()), "a vertex position is not a finite number")
    stated = document["accessors"][primitive["attributes"]["POSITION"]]
    exact = np.allclose(positions.min(axis=0), stated["min"], rtol=1e-6, atol=0) and np.allclose(
        positions.max(axis=0), stated["max"], rtol=1e-6, atol=0
    )
    require(name, exact, "its positions are not within the stated bounds")
    lengths = np.linalg.norm(normals, axis=1)
    bytewise = document["accessors"][primitive["attributes"]["NORMAL"]]["componentType"] == BYTE
    unit = np.abs(lengths - 1) < (BYTE_NORMAL_ERROR if bytewise else 1e-3)
    require(name, bool(unit.all()), "a normal is not of unit length")
    require(name, bool(np.isfinite(uv).all()), "a texture coordinate is not a finite number")
    require(name, len(indices) % 3 == 0 and len(indices) > 0, "its indices are not whole triangles")
    require(name, int(indices.max()) < len(positions), "an index points behind the last vertex")
    return Triangles(positions.astype(float), uv, indices.reshape(-1, 3))
