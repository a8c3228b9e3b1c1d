"""How the triangles of glTF are stored: in full, quantised, or compressed by Draco or meshoptimizer.

Each way takes a model that is y up, or the part of it on one page of its texture, the buffer to append to and the
bounds of the whole: corners that are rounded lie on one grid, so that no gaps open between parts. It says what the
document holds of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from reconstruction_api.exports import Compression

from .gltf_buffer import BYTE, FLOAT, UNSIGNED_SHORT, Buffer, corners, index_component
from .gltf_meshopt import MESHOPT, in_compressible_order
from .textured_model import Model

DRACO: Final = "KHR_draco_mesh_compression"
QUANTIZATION: Final = "KHR_mesh_quantization"
POSITION_BITS, UV_BITS, NORMAL_BITS = 16, 16, 10
"""Of Draco: positions to 1/65,000 of the longest side, texture coordinates to an eighth of a texel of the largest
texture, directions to a quarter of a degree."""
DRACO_EFFORT: Final = 7
"""Of 0 to 10: slower to write, smaller. The same values come out."""


@dataclass(frozen=True)
class Geometry:
    """Parts of the document: of its primitive and of the node that shows it, and the extensions a reader must know."""

    primitive: dict[str, Any]
    node: dict[str, Any] = field(default_factory=dict)
    extensions: tuple[str, ...] = ()


def full(model: Model, buffer: Buffer, bounds: NDArray[np.float32]) -> Geometry:
    """Four bytes a number, understood by every reader."""
    attributes = {
        "POSITION": buffer.attribute(model.vertices, FLOAT, **corners(model.vertices), name="positions"),
        "NORMAL": buffer.attribute(model.normals, FLOAT, name="normals"),
        "TEXCOORD_0": buffer.attribute(model.uv, FLOAT, name="uv"),
    }
    return Geometry({"attributes": attributes, "indices": buffer.triangles(model.faces, len(model.vertices))})


def quantised(model: Model, buffer: Buffer, bounds: NDArray[np.float32]) -> Geometry:
    """KHR_mesh_quantization: positions as whole steps of a grid of 65,536 along the longest side, which the node scales
    back; directions in a byte and texture coordinates in two bytes a number. Nothing to decode."""
    low, high = bounds.astype(np.float64)
    step = max(float((high - low).max()), float(np.finfo(np.float32).tiny)) / 65535
    grid = np.rint((model.vertices - low) / step)
    attributes = {
        "POSITION": buffer.attribute(grid, UNSIGNED_SHORT, **corners(grid.astype(int)), name="positions"),
        "NORMAL": buffer.attribute(np.rint(model.normals * 127), BYTE, normalized=True, name="normals"),
        "TEXCOORD_0": buffer.attribute(
            np.rint(np.clip(model.uv, 0, 1) * 65535), UNSIGNED_SHORT, normalized=True, name="uv"
        ),
    }
    primitive = {"attributes": attributes, "indices": buffer.triangles(model.faces, len(model.vertices))}
    return Geometry(primitive, {"translation": low.tolist(), "scale": [step] * 3}, (QUANTIZATION,))


def draco(model: Model, buffer: Buffer, bounds: NDArray[np.float32]) -> Geometry:
    """KHR_draco_mesh_compression: quantised, and the triangles in the order that takes least space. The reader
    needs Draco's decoder."""
    import DracoPy

    grid: dict[str, Any] = {}
    if not np.array_equal(bounds, model.bounds()):
        grid = {"quantization_origin": bounds[0].tolist(), "quantization_range": float((bounds[1] - bounds[0]).max())}
    model = without_flat_triangles(model, bounds)
    content = DracoPy.encode(
        model.vertices,
        faces=model.faces.astype(np.uint32),
        quantization_bits=POSITION_BITS,
        tex_coord_quantization_bits=UV_BITS,
        normal_quantization_bits=NORMAL_BITS,
        compression_level=DRACO_EFFORT,
        tex_coord=model.uv.astype(np.float64),
        normals=model.normals.astype(np.float64),
        **grid,
    )
    # The document states what a reader will find, and the order and number of vertices are the encoder's to choose.
    found = DracoPy.decode(content)
    kinds = DracoPy.AttributeType
    ids = {
        name: found.get_attribute_by_type(kind)["unique_id"]
        for name, kind in (("POSITION", kinds.POSITION), ("NORMAL", kinds.NORMAL), ("TEXCOORD_0", kinds.TEX_COORD))
    }
    count = len(found.points)
    attributes = {
        "POSITION": buffer.accessor("VEC3", FLOAT, count, **corners(found.points.astype(np.float32)), name="positions"),
        "NORMAL": buffer.accessor("VEC3", FLOAT, count, name="normals"),
        "TEXCOORD_0": buffer.accessor("VEC2", FLOAT, count, name="uv"),
    }
    indices = buffer.accessor("SCALAR", index_component(count), found.faces.size, name="triangles")
    extension = {DRACO: {"bufferView": buffer.view(content), "attributes": ids}}
    return Geometry({"attributes": attributes, "indices": indices, "extensions": extension}, extensions=(DRACO,))


def without_flat_triangles(model: Model, bounds: NDArray[np.float32]) -> Model:
    """Without triangles that are a line or a point once their corners are rounded: Draco leaves out some of them."""
    return replace(model, faces=model.faces[~is_flat(model, bounds)])


def is_flat(model: Model, bounds: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which triangles have two corners in one place of the grid that positions are rounded to. [F]"""
    low, high = bounds.astype(np.float64)
    step = max(float((high - low).max()), float(np.finfo(np.float32).tiny)) / (2**POSITION_BITS - 1)
    a, b, c = np.moveaxis(np.rint((model.vertices - low) / step).astype(np.int64)[model.faces], 1, 0)
    return (a == b).all(axis=1) | (b == c).all(axis=1) | (c == a).all(axis=1)


def meshopt(model: Model, buffer: Buffer, bounds: NDArray[np.float32]) -> Geometry:
    """EXT_meshopt_compression: quantised, in an order that compresses well. The buffer is compressed as a whole once
    everything is in it (`gltf_meshopt.compressed`)."""
    geometry = quantised(in_compressible_order(model), buffer, bounds)
    return replace(geometry, extensions=(*geometry.extensions, MESHOPT))


GEOMETRIES: Final[Mapping[Compression, Callable[[Model, Buffer, NDArray[np.float32]], Geometry]]] = {
    Compression.NONE: full,
    Compression.QUANTIZED: quantised,
    Compression.DRACO: draco,
    Compression.MESHOPT: meshopt,
}
