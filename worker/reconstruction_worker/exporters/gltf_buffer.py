"""The binary chunk of a GLB while it is written, and the numbers of glTF 2.0 that name types and targets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

ARRAY_BUFFER: Final = 34962
ELEMENT_ARRAY_BUFFER: Final = 34963
BYTE, UNSIGNED_BYTE, UNSIGNED_SHORT, UNSIGNED_INT, FLOAT = 5120, 5121, 5123, 5125, 5126
COMPONENTS: Final = {
    BYTE: np.dtype("i1"),
    UNSIGNED_BYTE: np.dtype("u1"),
    UNSIGNED_SHORT: np.dtype("<u2"),
    UNSIGNED_INT: np.dtype("<u4"),
    FLOAT: np.dtype("<f4"),
}
WIDTHS: Final = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
_KINDS: Final = {width: kind for kind, width in WIDTHS.items()}


@dataclass
class Buffer:
    """The bytes, the views into them and the accessors of the views."""

    data: bytearray = field(default_factory=bytearray)
    views: list[dict[str, Any]] = field(default_factory=list)
    accessors: list[dict[str, Any]] = field(default_factory=list)
    absent_bytes: int = 0
    """Length of a second buffer, which is in no file and which views refer to that are stored otherwise."""

    def view(self, content: bytes, **extra: int) -> int:
        """Append bytes at a multiple of four; the index of their view."""
        self.views.append({"buffer": 0, "byteOffset": len(self.data), "byteLength": len(content), **extra})
        self.data += content + b"\0" * (-len(content) % 4)
        return len(self.views) - 1

    def attribute(self, values: NDArray[Any], component: int, **extra: Any) -> int:
        """Append a vertex attribute [N, width]; the index of its accessor. Every vertex starts at a multiple of four,
        as section 3.6.2.4 of glTF 2.0 asks for."""
        rows = values.astype(COMPONENTS[component])
        size = rows.shape[1] * rows.itemsize
        padded = np.zeros((len(rows), size + -size % 4), np.uint8)
        padded[:, :size] = np.ascontiguousarray(rows).view(np.uint8)
        stride = {} if size % 4 == 0 else {"byteStride": padded.shape[1]}
        view = self.view(padded.tobytes(), target=ARRAY_BUFFER, **stride)
        return self.accessor(_KINDS[rows.shape[1]], component, len(rows), bufferView=view, **extra)

    def triangles(self, faces: NDArray[np.integer], vertices: int) -> int:
        """Append the corners of triangles [F, 3], two bytes each where that is enough; the index of the accessor."""
        component = index_component(vertices)
        view = self.view(faces.astype(COMPONENTS[component]).tobytes(), target=ELEMENT_ARRAY_BUFFER)
        return self.accessor("SCALAR", component, faces.size, bufferView=view, name="triangles")

    def accessor(self, kind: str, component: int, count: int, **extra: Any) -> int:
        """Append an accessor, for values that are elsewhere if it names no view; its index."""
        self.accessors.append({"componentType": component, "count": count, "type": kind, **extra})
        return len(self.accessors) - 1


def index_component(vertices: int) -> int:
    """The component type of indices of so many vertices. The largest number of a type is not an index (restart)."""
    return UNSIGNED_SHORT if vertices < 65535 else UNSIGNED_INT


def corners(points: NDArray[Any]) -> dict[str, list[float]]:
    """`min` and `max` of an accessor of positions [N, 3]."""
    return {"min": points.min(axis=0).tolist(), "max": points.max(axis=0).tolist()}
