"""The document of a textured model as glTF 2.0 (Khronos, "glTF 2.0 Specification", ISO/IEC 12113:2022), which GLB and
GLTF share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from reconstruction_api.exports import Compression, TextureFormat

from .gltf_buffer import Buffer
from .gltf_geometry import GEOMETRIES
from .gltf_meshopt import compressed
from .style import Picture, Style, picture_of
from .textured_model import Model

LINEAR, LINEAR_MIPMAP_LINEAR, CLAMP_TO_EDGE = 9729, 9987, 33071
WEBP: Final = "EXT_texture_webp"
UNLIT: Final = "KHR_materials_unlit"

Placed = Callable[[Buffer, Picture], dict[str, Any]]
"""Puts a picture somewhere; where it is, as an image of the document says it."""


def document_of(model: Model, style: Style, placed: Placed) -> tuple[dict[str, Any], Buffer]:
    """The document of a model that is already y up, without what it says of its buffer, and the buffer."""
    buffer = Buffer()
    geometry = GEOMETRIES[style.compression](model, buffer)
    picture = picture_of(model.texture, style.texture or TextureFormat.JPEG)
    image = placed(buffer, picture)
    required = [*geometry.extensions]
    texture: dict[str, Any] = {"sampler": 0, "source": 0}
    if picture.media_type == "image/webp":
        required.append(WEBP)
        texture = {"sampler": 0, "extensions": {WEBP: {"source": 0}}}
    open_surface = not model.welded()[0].is_watertight()
    material: dict[str, Any] = {
        "name": "photos",
        "pbrMetallicRoughness": {
            "baseColorTexture": {"index": 0},
            "metallicFactor": 0.0,
            "roughnessFactor": 1.0,
        },
        "doubleSided": open_surface,
    }
    if style.unlit:
        material["extensions"] = {UNLIT: {}}
    document = {
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "model", **geometry.node}],
        "meshes": [{"name": "model", "primitives": [{**geometry.primitive, "material": 0, "mode": 4}]}],
        "materials": [material],
        "textures": [texture],
        "samplers": [
            {"magFilter": LINEAR, "minFilter": LINEAR_MIPMAP_LINEAR, "wrapS": CLAMP_TO_EDGE, "wrapT": CLAMP_TO_EDGE}
        ],
        "images": [image],
    }
    used = [*required, *([UNLIT] if style.unlit else [])]
    if used:
        document["extensionsUsed"] = used
    if required:
        document["extensionsRequired"] = required
    return document, compressed(buffer) if style.compression is Compression.MESHOPT else buffer
