"""Binary FBX with the texture inside, in centimetres, y up: what Unity, Unreal, Maya, 3ds Max and Blender read.

Written here, and checked by a reader of the file's nodes that looks at what any of them would.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from reconstruction_api.exports import TextureFormat

from .checking import Content, compare, compare_pictures, decoded_size, reading, require
from .exporter import Exporter
from .fbx_nodes import Int64, Node, decoded, encoded
from .style import Picture, Style, picture_of
from .textured_model import Model, y_up
from .triangles import Triangles, compare_triangles

DEFAULT = Style()
CENTIMETRES: Final = 100.0
"""In a metre; or in the scene's own unit, where there are no metres."""
_GEOMETRY, _MODEL, _MATERIAL, _TEXTURE, _VIDEO = range(1_000_001, 1_000_006)
"""Identifiers of the objects."""
_FILE_ID: Final = bytes.fromhex("28b32aebb624ccc2bfc8b02aa92bfcf1")
_TIME: Final = "1970-01-01 10:00:00:000"
"""Belong together with the end of the file; importers of Autodesk's compare them."""


def write(model: Model, folder: Path, style: Style = DEFAULT) -> list[Path]:
    """Write `model.fbx`. `model` is z up."""
    path = folder / f"{style.stem}.fbx"
    picture = picture_of(model.texture, style.texture or TextureFormat.JPEG)
    path.write_bytes(encoded(_document(y_up(model), picture, style)))
    return [path]


def check(model: Model, folder: Path, style: Style = DEFAULT) -> Content:
    """Open `model.fbx` again. Raises ExportFailed."""
    name, upright = f"{style.stem}.fbx", y_up(model)
    with reading(name):
        document = decoded(name, (folder / name).read_bytes())
        settings = _settings(document)
        require(name, settings["UnitScaleFactor"] == 1.0, "its unit is not the centimetre")
        require(name, (settings["UpAxis"], settings["FrontAxis"]) == (1, 2), "it is not y up")
        objects = document.one("Objects")
        found = _triangles(objects.one("Geometry"))
        content = next(child.properties[0] for child in objects.one("Video").children if child.name == "Content")
        size = decoded_size(name, content)
        compare_pictures(name, content, model.texture)
        links = {tuple(each.properties[1:3]) for each in document.one("Connections").children}
        wanted = {(_MODEL, 0), (_GEOMETRY, _MODEL), (_MATERIAL, _MODEL), (_TEXTURE, _MATERIAL), (_VIDEO, _TEXTURE)}
        require(name, links == wanted, "its mesh does not lead to its texture")
    height, width, _ = model.texture.shape
    bounds = np.stack([found.positions.min(axis=0), found.positions.max(axis=0)])
    result = Content(len(found.positions), len(found.faces), bounds, size)
    compare(name, result, Content(len(upright.vertices), len(upright.faces), upright.bounds(), (width, height)))
    compare_triangles(name, found, upright)
    return result


def _settings(document: Node) -> dict[str, Any]:
    return {
        each.properties[0]: each.properties[4] for each in document.one("GlobalSettings").one("Properties70").children
    }


def _triangles(geometry: Node) -> Triangles:
    """In metres, with the texture's coordinates at the vertices."""
    positions = geometry.one("Vertices").properties[0].reshape(-1, 3) / CENTIMETRES
    corners = geometry.one("PolygonVertexIndex").properties[0].reshape(-1, 3).copy()
    corners[:, 2] = -corners[:, 2] - 1
    layer = geometry.one("LayerElementUV")
    stored, index = layer.one("UV").properties[0].reshape(-1, 2), layer.one("UVIndex").properties[0]
    uv = np.zeros((len(positions), 2))
    uv[corners.ravel()] = stored[index]
    uv[:, 1] = 1 - uv[:, 1]
    return Triangles(positions, uv, corners)


def _document(model: Model, picture: Picture, style: Style) -> list[Node]:
    """The nodes of a model that is y up."""
    header = Node("FBXHeaderExtension")
    header.add("FBXHeaderVersion", 1003)
    header.add("FBXVersion", 7400)
    header.add("Creator", "reconstruction-operator")
    documents = Node("Documents")
    documents.add("Count", 1)
    scene = documents.add("Document", Int64(1_000_000), "", "Scene")
    scene.add("RootNode", Int64(0))
    return [
        header,
        Node("FileId", (_FILE_ID,)),
        Node("CreationTime", (_TIME,)),
        Node("Creator", ("reconstruction-operator",)),
        _global_settings(),
        documents,
        Node("References"),
        _definitions(),
        _objects(model, picture, style),
        _connections(),
        Node("Takes", (), [Node("Current", ("",))]),
    ]


def _global_settings() -> Node:
    settings = Node("GlobalSettings")
    settings.add("Version", 1000)
    properties = settings.add("Properties70")
    for name, value in (
        ("UpAxis", 1),
        ("UpAxisSign", 1),
        ("FrontAxis", 2),
        ("FrontAxisSign", 1),
        ("CoordAxis", 0),
        ("CoordAxisSign", 1),
    ):
        properties.add("P", name, "int", "Integer", "", value)
    properties.add("P", "UnitScaleFactor", "double", "Number", "", 1.0)
    properties.add("P", "OriginalUnitScaleFactor", "double", "Number", "", 1.0)
    return settings


def _definitions() -> Node:
    definitions = Node("Definitions")
    definitions.add("Version", 100)
    definitions.add("Count", 6)
    for kind in ("GlobalSettings", "Geometry", "Model", "Material", "Texture", "Video"):
        definitions.add("ObjectType", kind).add("Count", 1)
    return definitions


def _objects(model: Model, picture: Picture, style: Style) -> Node:
    objects = Node("Objects")
    objects.children.append(_geometry(model))
    shown = objects.add("Model", Int64(_MODEL), "model\0\1Model", "Mesh")
    shown.add("Version", 232)
    shown.add("Properties70")
    shown.add("Shading", True)
    shown.add("Culling", "CullingOff")
    material = objects.add("Material", Int64(_MATERIAL), "photos\0\1Material", "")
    material.add("Version", 102)
    material.add("ShadingModel", "lambert")
    material.add("MultiLayer", 0)
    properties = material.add("Properties70")
    properties.add("P", "DiffuseColor", "Color", "", "A", 1.0, 1.0, 1.0)
    properties.add("P", "DiffuseFactor", "Number", "", "A", 1.0)
    file = f"{style.stem}_texture{picture.suffix}"
    texture = objects.add("Texture", Int64(_TEXTURE), "basecolor\0\1Texture", "")
    texture.add("Type", "TextureVideoClip")
    texture.add("Version", 202)
    texture.add("TextureName", "basecolor\0\1Texture")
    texture.add("Media", "basecolor\0\1Video")
    texture.add("FileName", file)
    texture.add("RelativeFilename", file)
    texture.add("ModelUVTranslation", 0.0, 0.0)
    texture.add("ModelUVScaling", 1.0, 1.0)
    video = objects.add("Video", Int64(_VIDEO), "basecolor\0\1Video", "Clip")
    video.add("Type", "Clip")
    video.add("Properties70").add("P", "Path", "KString", "XRefUrl", "", file)
    video.add("UseMipMap", 0)
    video.add("Filename", file)
    video.add("RelativeFilename", file)
    video.add("Content", picture.content)
    return objects


def _geometry(model: Model) -> Node:
    corners = model.faces.astype("<i4").copy()
    corners[:, 2] = -corners[:, 2] - 1  # the last corner of a polygon
    uv = np.stack([model.uv[:, 0], 1 - model.uv[:, 1]], axis=1)
    geometry = Node("Geometry", (Int64(_GEOMETRY), "model\0\1Geometry", "Mesh"))
    geometry.add("Properties70")
    geometry.add("GeometryVersion", 124)
    geometry.add("Vertices", (model.vertices.astype("<f8") * CENTIMETRES).ravel())
    geometry.add("PolygonVertexIndex", corners.ravel())
    normals = _layer(geometry, "LayerElementNormal", 101, "ByVertice", "Direct")
    normals.add("Normals", model.normals.astype("<f8").ravel())
    texture = _layer(geometry, "LayerElementUV", 101, "ByPolygonVertex", "IndexToDirect")
    texture.add("UV", uv.astype("<f8").ravel())
    texture.add("UVIndex", model.faces.astype("<i4").ravel())
    material = _layer(geometry, "LayerElementMaterial", 101, "AllSame", "IndexToDirect")
    material.add("Materials", np.zeros(1, "<i4"))
    layer = geometry.add("Layer", 0)
    layer.add("Version", 100)
    for kind in ("LayerElementNormal", "LayerElementUV", "LayerElementMaterial"):
        element = layer.add("LayerElement")
        element.add("Type", kind)
        element.add("TypedIndex", 0)
    return geometry


def _layer(geometry: Node, name: str, version: int, mapping: str, reference: str) -> Node:
    layer = geometry.add(name, 0)
    layer.add("Version", version)
    layer.add("Name", "UVMap" if name == "LayerElementUV" else "")
    layer.add("MappingInformationType", mapping)
    layer.add("ReferenceInformationType", reference)
    return layer


def _connections() -> Node:
    connections = Node("Connections")
    for source, target in ((_MODEL, 0), (_GEOMETRY, _MODEL), (_MATERIAL, _MODEL), (_VIDEO, _TEXTURE)):
        connections.add("C", "OO", Int64(source), Int64(target))
    connections.add("C", "OP", Int64(_TEXTURE), Int64(_MATERIAL), "DiffuseColor")
    return connections


EXPORTER = Exporter(write, check, up="y", checked_by="a reader of its own", styled=True)
