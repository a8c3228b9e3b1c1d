"""Files of glTF 2.0, written and read: document and buffer, the two chunks of a GLB, and what accessors hold."""

from __future__ import annotations

import json
import struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .checking import require
from .gltf_buffer import COMPONENTS, WIDTHS, Buffer
from .gltf_meshopt import buffers_of, compressed_parts

GENERATOR: Final = "reconstruction-operator"


def packed(document: dict[str, Any], buffer: Buffer) -> bytes:
    """A document, without what it says of its buffer, and the buffer as a GLB file."""
    return glb_of(whole(document, buffer), bytes(buffer.data))


def whole(document: dict[str, Any], buffer: Buffer, uri: str | None = None) -> dict[str, Any]:
    """A document with what it says of its buffer, which is the file `uri`, or in the same file."""
    return {
        "asset": {"version": "2.0", "generator": GENERATOR},
        **document,
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": buffers_of(buffer, uri),
    }


def glb_of(document: dict[str, Any], binary: bytes) -> bytes:
    """A whole document and its buffer as a GLB file."""
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    chunks = _chunk(b"JSON", text) + _chunk(b"BIN\0", binary)
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack("<I4s", len(content), kind) + content


def unpacked(name: str, data: bytes) -> tuple[dict[str, Any], bytes]:
    """The document and the binary chunk of a GLB file. Raises ExportFailed naming the rule that is broken."""
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
    document, binary = json.loads(chunks[0][1]), chunks[1][1]
    check_buffers(name, document, binary)
    return document, binary


def check_buffers(name: str, document: dict[str, Any], binary: bytes) -> None:
    """Raises ExportFailed where a view is not within its buffer, or the first buffer not within `binary`."""
    require(name, document["asset"]["version"] == "2.0", "its asset version is not 2.0")
    buffers = document["buffers"]
    require(name, buffers[0]["byteLength"] <= len(binary), "its buffer is longer than its content")
    views = [*document["bufferViews"], *compressed_parts(document)]
    for view in views:
        end = view.get("byteOffset", 0) + view["byteLength"]
        require(name, end <= buffers[view["buffer"]]["byteLength"], "a buffer view ends behind the buffer")


def view_of(document: dict[str, Any], binary: bytes, index: int) -> bytes:
    """The bytes of a buffer view."""
    view = document["bufferViews"][index]
    start = view.get("byteOffset", 0)
    return binary[start : start + view["byteLength"]]


def values_of(name: str, document: dict[str, Any], binary: bytes, index: int) -> NDArray[Any]:
    """Values of an accessor as they are stored. [N, width]"""
    accessor = document["accessors"][index]
    kind, width = COMPONENTS[accessor["componentType"]], WIDTHS[accessor["type"]]
    view = document["bufferViews"][accessor["bufferView"]]
    offset, size = accessor.get("byteOffset", 0), width * kind.itemsize
    aligned = (view.get("byteOffset", 0) + offset) % kind.itemsize == 0
    require(name, aligned, "an accessor is not aligned to its component's size")
    stride = view.get("byteStride", size)
    require(name, size <= stride and stride % kind.itemsize == 0, "a buffer view's stride does not fit its accessor")
    end = offset + stride * (accessor["count"] - 1) + size
    require(name, accessor["count"] > 0 and end <= view["byteLength"], "an accessor reaches beyond its buffer view")
    content = view_of(document, binary, accessor["bufferView"])
    return np.ndarray((accessor["count"], width), kind, content, offset, (stride, kind.itemsize))


def attribute_of(name: str, document: dict[str, Any], binary: bytes, index: int) -> NDArray[Any]:
    """Values of a vertex attribute as a reader sees them. [N, width]"""
    values, accessor = values_of(name, document, binary, index), document["accessors"][index]
    view = document["bufferViews"][accessor["bufferView"]]
    stride, start = view.get("byteStride", values.shape[1] * values.itemsize), view.get("byteOffset", 0)
    require(name, stride % 4 == 0 and start % 4 == 0, "a vertex attribute is not aligned to four bytes")
    if not accessor.get("normalized"):
        return values
    require(name, values.dtype.kind in "iu", "only whole numbers can be normalised")
    return np.maximum(values / np.iinfo(values.dtype).max, -1)  # section 3.6.2.2
