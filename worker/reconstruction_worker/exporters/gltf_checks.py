"""Whether a file of glTF holds the model that was meant: in trimesh's eyes, and by the rules of glTF."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import trimesh

from reconstruction_api.exports import Compression

from .checking import Content, compare, compare_pictures, failed, require
from .gltf_document import UNLIT
from .gltf_geometry import is_flat, without_flat_triangles
from .gltf_rules import check_rules
from .style import Style
from .textured_model import Model, y_up
from .triangles import compare_triangles

CHECKED_BY: Final = f"trimesh {trimesh.__version__} and the rules of glTF 2.0"


def compare_surface(
    name: str, document: dict[str, Any], binary: bytes, picture: bytes, scene: Any, model: Model, style: Style
) -> Content:
    """What is in a file, by its document, buffer and texture and by the `scene` that trimesh has loaded from it. Raises
    ExportFailed where it is not `model`, which is z up."""
    upright = y_up(model)
    surface = check_rules(name, document, binary, picture)
    require(name, (UNLIT in document["materials"][0].get("extensions", {})) == style.unlit, "its material is another")
    meshes = scene.dump()
    if len(meshes) != 1 or not isinstance(meshes[0], trimesh.Trimesh):
        raise failed(name, f"it holds {len(meshes)} meshes instead of one")
    found = Content(len(meshes[0].vertices), len(meshes[0].faces), np.asarray(meshes[0].bounds), surface.texture)
    vertices = len(upright.vertices)
    if style.compression is Compression.DRACO:
        # Triangles in an order of its own, with a vertex more or less, and without those that rounding makes a line.
        vertices, upright = found.vertices, without_flat_triangles(upright) if is_flat(upright).any() else upright
    height, width, _ = model.texture.shape
    compare(name, found, Content(vertices, len(upright.faces), upright.bounds(), (width, height)))
    compare_triangles(name, surface.triangles, upright)
    compare_pictures(name, picture, model.texture)
    return found
