"""The document of a textured model as glTF 2.0 (Khronos, "glTF 2.0 Specification", ISO/IEC 12113:2022), which GLB and
GLTF share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from reconstruction_api.exports import Compression, TextureFormat

from ..stage_files import numbered
from .gltf_buffer import Buffer
from .gltf_geometry import GEOMETRIES, Geometry
from .gltf_meshopt import compressed
from .style import Picture, Style, picture_of
from .textured_model import Model

LINEAR, LINEAR_MIPMAP_LINEAR, CLAMP_TO_EDGE = 9729, 9987, 33071
WEBP: Final = "EXT_texture_webp"
UNLIT: Final = "KHR_materials_unlit"

Placed = Callable[[Buffer, Picture, int], dict[str, Any]]
"""Puts the picture of a page, counted from 0, somewhere; where it is, as an image of the document says it."""


def document_of(model: Model, style: Style, placed: Placed) -> tuple[dict[str, Any], Buffer]:
    """The document of a model that is already y up, without what it says of its buffer, and the buffer. Each page of
    the texture is an image and a material, and its triangles are a primitive."""
    buffer, bounds = Buffer(), model.bounds()
    geometries: list[Geometry] = []
    pictures: list[Picture] = []
    images: list[dict[str, Any]] = []
    for page, part in enumerate(model.parts()):
        geometries.append(GEOMETRIES[style.compression](part, buffer, bounds))
        pictures.append(picture_of(part.texture, style.texture or TextureFormat.JPEG))
        images.append(placed(buffer, pictures[-1], page))
    required = [*geometries[0].extensions]
    if pictures[0].media_type == "image/webp":
        required.append(WEBP)
    open_surface = not model.welded()[0].is_watertight()
    document = {
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "model", **geometries[0].node}],
        "meshes": [
            {
                "name": "model",
                "primitives": [{**each.primitive, "material": page, "mode": 4} for page, each in enumerate(geometries)],
            }
        ],
        "materials": [_material(page, open_surface, style.unlit) for page in range(len(images))],
        "textures": [_texture(page, picture) for page, picture in enumerate(pictures)],
        "samplers": [
            {"magFilter": LINEAR, "minFilter": LINEAR_MIPMAP_LINEAR, "wrapS": CLAMP_TO_EDGE, "wrapT": CLAMP_TO_EDGE}
        ],
        "images": images,
    }
    used = [*required, *([UNLIT] if style.unlit else [])]
    if used:
        document["extensionsUsed"] = used
    if required:
        document["extensionsRequired"] = required
    return document, compressed(buffer) if style.compression is Compression.MESHOPT else buffer


def _material(page: int, open_surface: bool, unlit: bool) -> dict[str, Any]:
    material: dict[str, Any] = {
        "name": f"photos{numbered(page)}",
        "pbrMetallicRoughness": {
            "baseColorTexture": {"index": page},
            "metallicFactor": 0.0,
            "roughnessFactor": 1.0,
        },
        "doubleSided": open_surface,
    }
    return material | ({"extensions": {UNLIT: {}}} if unlit else {})


def _texture(page: int, picture: Picture) -> dict[str, Any]:
    if picture.media_type == "image/webp":
        return {"sampler": 0, "extensions": {WEBP: {"source": page}}}
    return {"sampler": 0, "source": page}
