"""Binary FBX, version 7400: a tree of nodes with typed properties, written and read.

The layout is that of the notes by Blender's developers, "FBX binary file format specification" (2013).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .checking import require

VERSION: Final = 7400
MAGIC: Final = b"Kaydara FBX Binary  \x00\x1a\x00"
_END_OF_NODES: Final = b"\0" * 13
_FOOTER: Final = bytes.fromhex("fabcab09d0c8d466b176fb831cf7267e")
_LAST: Final = bytes.fromhex("f85a8c6adef5d97eece90ce3758f290b")
_ARRAYS: Final = {"f": "<f4", "d": "<f8", "i": "<i4", "l": "<i8"}
_CODES: Final = {np.dtype(kind): code for code, kind in _ARRAYS.items()}
_SCALARS: Final = {"Y": "<h", "C": "<?", "I": "<i", "F": "<f", "D": "<d", "L": "<q"}


@dataclass(frozen=True)
class Int64:
    """A whole number of eight bytes, as identifiers have."""

    value: int


@dataclass
class Node:
    """A name, properties (bool, int, Int64, float, text, bytes, arrays) and the nodes below."""

    name: str
    properties: tuple[Any, ...] = ()
    children: list[Node] = field(default_factory=list["Node"])

    def add(self, name: str, *properties: Any) -> Node:
        """Append a node; it is returned."""
        self.children.append(Node(name, properties))
        return self.children[-1]

    def all(self, name: str) -> list[Node]:
        """The nodes of a name right below this one."""
        return [child for child in self.children if child.name == name]

    def one(self, name: str) -> Node:
        """The only one of a name."""
        (child,) = self.all(name)
        return child


def encoded(nodes: list[Node]) -> bytes:
    """A file with these nodes."""
    body = bytearray(MAGIC + struct.pack("<I", VERSION))
    for node in nodes:
        _append(body, node)
    body += _END_OF_NODES + _FOOTER + b"\0" * 4
    body += b"\0" * (-len(body) % 16 or 16)
    return bytes(body + struct.pack("<I", VERSION) + b"\0" * 120 + _LAST)


def _append(body: bytearray, node: Node) -> None:
    start = len(body)
    name = node.name.encode()
    properties = b"".join(map(_property, node.properties))
    body += b"\0" * 4 + struct.pack("<IIB", len(node.properties), len(properties), len(name)) + name + properties
    for child in node.children:
        _append(body, child)
    if node.children or not node.properties:
        body += _END_OF_NODES
    struct.pack_into("<I", body, start, len(body))


def _property(value: Any) -> bytes:
    match value:
        case bool():
            return b"C" + struct.pack("<?", value)
        case int():
            return b"I" + struct.pack("<i", value)
        case Int64():
            return b"L" + struct.pack("<q", value.value)
        case float():
            return b"D" + struct.pack("<d", value)
        case str():
            text = value.encode()
            return b"S" + struct.pack("<I", len(text)) + text
        case bytes():
            return b"R" + struct.pack("<I", len(value)) + value
        case np.ndarray():
            packed = zlib.compress(value.tobytes(), 6)
            return _CODES[value.dtype].encode() + struct.pack("<III", value.size, 1, len(packed)) + packed
    raise TypeError(type(value).__name__)


def decoded(name: str, data: bytes) -> Node:
    """The nodes of a file, below one without a name. Raises ExportFailed where it is not such a file."""
    require(name, data.startswith(MAGIC), "it is not a binary FBX file")
    (version,) = struct.unpack_from("<I", data, len(MAGIC))
    require(name, version == VERSION, f"it is of version {version}")
    require(name, data.endswith(_LAST), "its end is missing")
    nodes, _ = _nodes(data, len(MAGIC) + 4)
    return Node("", (), nodes)


def _nodes(data: bytes, position: int) -> tuple[list[Node], int]:
    """Nodes up to the mark behind the last, and where they end."""
    nodes: list[Node] = []
    while True:
        end, count, _, length = struct.unpack_from("<IIIB", data, position)
        if end == 0:
            return nodes, position + len(_END_OF_NODES)
        position += 13
        node = Node(data[position : position + length].decode())
        position += length
        properties: list[Any] = []
        for _ in range(count):
            value, position = _read_property(data, position)
            properties.append(value)
        node.properties = tuple(properties)
        if position < end:
            node.children, position = _nodes(data, position)
        if position != end:
            raise ValueError("a node does not end where it says")
        nodes.append(node)


def _read_property(data: bytes, position: int) -> tuple[Any, int]:
    code = chr(data[position])
    position += 1
    if code in _SCALARS:
        kind = _SCALARS[code]
        (value,) = struct.unpack_from(kind, data, position)
        return value, position + struct.calcsize(kind)
    if code in "SR":
        (length,) = struct.unpack_from("<I", data, position)
        content = data[position + 4 : position + 4 + length]
        return content.decode() if code == "S" else content, position + 4 + length
    count, encoding, size = struct.unpack_from("<III", data, position)
    content = data[position + 12 : position + 12 + size]
    values: NDArray[Any] = np.frombuffer(zlib.decompress(content) if encoding else content, _ARRAYS[code])
    if len(values) != count:
        raise ValueError("an array has another length than it says")
    return values, position + 12 + size


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it."""
    yield node
    for child in node.children:
        yield from walk(child)
