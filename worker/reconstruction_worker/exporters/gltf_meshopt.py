"""The glTF extension EXT_meshopt_compression (A. Kapoulkine, 2021): buffer views that are compressed one by one.

What a reader sees of them is laid out in a second buffer that is in no file; the document says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any, Final

import meshopt
import numpy as np
from numpy.typing import NDArray

from .checking import require
from .gltf_buffer import ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER, Buffer
from .textured_model import Model

MESHOPT: Final = "EXT_meshopt_compression"
_INDICES: Final = {2: np.dtype("<u2"), 4: np.dtype("<u4")}
_MODES: Final[Mapping[int, meshopt.Mode]] = {ARRAY_BUFFER: "ATTRIBUTES", ELEMENT_ARRAY_BUFFER: "TRIANGLES"}


def in_compressible_order(model: Model) -> Model:
    """The same triangles in an order in which neighbours follow each other, and the vertices as they are first used."""
    indices, remap, used = meshopt.reorder_mesh(model.faces.astype(np.uint32).ravel(), True, True)
    order = np.argsort(remap)[:used]
    return replace(
        model,
        vertices=model.vertices[order],
        normals=model.normals[order],
        faces=indices.reshape(-1, 3).astype(np.int32),
        uv=model.uv[order],
    )


def compressed(buffer: Buffer) -> Buffer:
    """A buffer with compressed views in place of those of vertices and triangles. Accessors are as they were."""
    result = Buffer(accessors=buffer.accessors)
    for index, view in enumerate(buffer.views):
        content = bytes(buffer.data[view["byteOffset"] : view["byteOffset"] + view["byteLength"]])
        users = [accessor for accessor in buffer.accessors if accessor.get("bufferView") == index]
        if view.get("target") not in _MODES or len(users) != 1:
            result.view(content, **{key: view[key] for key in view.keys() - {"buffer", "byteOffset", "byteLength"}})
            continue
        mode, count = _MODES[view["target"]], users[0]["count"]
        stride = len(content) // count
        rows = _rows(content, count) if mode == "ATTRIBUTES" else np.frombuffer(content, _INDICES[stride])
        packed = meshopt.encode_gltf_buffer(rows, mode)
        whole = result.view(packed)
        where = result.views.pop(whole)
        extension = {
            "buffer": 0,
            "byteOffset": where["byteOffset"],
            "byteLength": len(packed),
            "byteStride": stride,
            "count": count,
            "mode": mode,
        }
        striding = {"byteStride": stride} if mode == "ATTRIBUTES" else {}
        result.views.append(
            {
                "buffer": 1,
                "byteOffset": result.absent_bytes,
                "byteLength": len(content),
                "target": view["target"],
                **striding,
                "extensions": {MESHOPT: extension},
            }
        )
        result.absent_bytes += len(content) + -len(content) % 4
    return result


def buffers_of(buffer: Buffer, uri: str | None = None) -> list[dict[str, Any]]:
    """What a document says of its buffers; `uri` is the file of the first, unless it is in the same file."""
    first = {"byteLength": len(buffer.data)} | ({"uri": uri} if uri is not None else {})
    absent = {"byteLength": buffer.absent_bytes, "extensions": {MESHOPT: {"fallback": True}}}
    return [first, absent] if buffer.absent_bytes else [first]


def compressed_parts(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Where the compressed views are stored."""
    return [view["extensions"][MESHOPT] for view in document["bufferViews"] if MESHOPT in view.get("extensions", {})]


def plain(name: str, document: dict[str, Any], binary: bytes) -> tuple[dict[str, Any], bytes]:
    """A document and its buffer as a reader sees them that knows the extension: all in one buffer, uncompressed. Raises
    ExportFailed where the file does not say that it needs such a reader."""
    if not compressed_parts(document):
        return document, binary
    stated = MESHOPT in document.get("extensionsRequired", [])
    require(name, stated, "it does not say which extensions a reader must know")
    result, whole = deepcopy(document), bytearray()
    for view in result["bufferViews"]:
        extension = view.get("extensions", {}).pop(MESHOPT, None)
        if extension is None:
            start = view.get("byteOffset", 0)
            content = binary[start : start + view["byteLength"]]
        else:
            start = extension["byteOffset"]
            data = binary[start : start + extension["byteLength"]]
            rows = meshopt.decode_gltf_buffer(data, extension["count"], extension["byteStride"], extension["mode"])
            content = np.ascontiguousarray(rows).tobytes()
            del view["extensions"]
        view |= {"buffer": 0, "byteOffset": len(whole), "byteLength": len(content)}
        whole += content + b"\0" * (-len(content) % 4)
    result["buffers"] = [{"byteLength": len(whole)}]
    for key in ("extensionsUsed", "extensionsRequired"):
        result[key] = [name for name in result[key] if name != MESHOPT]
    return result, bytes(whole)


def _rows(content: bytes, count: int) -> NDArray[np.uint8]:
    return np.frombuffer(content, np.uint8).reshape(count, -1)
