"""Whether a file of glTF holds the model that was meant: in trimesh's eyes, and by the rules of glTF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import trimesh

from reconstruction_api.exports import Compression

from .checking import Content, compare, compare_pictures, failed, require
from .gltf_document import UNLIT
from .gltf_geometry import without_flat_triangles
from .gltf_rules import check_rules
from .style import Style
from .textured_model import Model, y_up
from .triangles import compare_triangles

CHECKED_BY: Final = f"trimesh {trimesh.__version__} and the rules of glTF 2.0"


def compare_surface(
    name: str,
    document: dict[str, Any],
    binary: bytes,
    pictures: Sequence[bytes],
    scene: Any,
    model: Model,
    style: Style,
) -> Content:
    """What is in a file, by its document, buffer and pictures, one a page of the texture, and by the `scene` that
    trimesh has loaded from it. Raises ExportFailed where it is not `model`, which is z up."""
    surfaces = check_rules(name, document, binary, pictures)
    unlit = {UNLIT in each.get("extensions", {}) for each in document["materials"]}
    require(name, unlit == {style.unlit}, "its material is another")
    upright = y_up(model)
    bounds, parts = upright.bounds(), upright.parts()
    meshes = scene.dump()
    if len(meshes) != len(parts) or not all(isinstance(each, trimesh.Trimesh) for each in meshes):
        raise failed(name, f"it holds {len(meshes)} meshes instead of {len(parts)}")
    require(name, len(surfaces) == len(parts), "its texture has another number of pages")
    both = np.array([each.bounds for each in meshes])
    found = Content(
        sum(len(each.vertices) for each in meshes),
        sum(len(each.faces) for each in meshes),
        np.stack([both[:, 0].min(axis=0), both[:, 1].max(axis=0)]),
        surfaces[0].texture,
    )
    vertices = sum(len(part.vertices) for part in parts)
    if style.compression is Compression.DRACO:
        # Triangles in an order of its own, with a vertex more or less, and without those that rounding makes a line.
        vertices, parts = found.vertices, [without_flat_triangles(part, bounds) for part in parts]
    compare(name, found, Content(vertices, sum(len(part.faces) for part in parts), bounds, model.page_shape))
    for surface, part, picture in zip(surfaces, parts, pictures, strict=True):
        compare_triangles(name, surface.triangles, part, bounds)
        compare_pictures(name, picture, part.texture)
    return found
