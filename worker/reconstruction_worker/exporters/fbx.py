"""Binary FBX with the texture inside, in centimetres, y up: what Unity, Unreal, Maya, 3ds Max and Blender read. Each
page of the texture is a picture with a material of its own.

Written here, and checked by a reader of the file's nodes that looks at what any of them would.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from reconstruction_api.exports import TextureFormat

from ..stage_files import numbered
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
"""Identifiers of the objects; those of materials, textures and videos are of the first page."""
_STEP: Final = 10
"""Between the identifiers of pages."""
_FILE_ID: Final = bytes.fromhex("28b32aebb624ccc2bfc8b02aa92bfcf1")
_TIME: Final = "1970-01-01 10:00:00:000"
"""Belong together with the end of the file; importers of Autodesk's compare them."""


def write(model: Model, folder: Path, style: Style = DEFAULT) -> list[Path]:
    """Write `model.fbx`. `model` is z up."""
    path = folder / f"{style.stem}.fbx"
    pictures = [picture_of(part.texture, style.texture or TextureFormat.JPEG) for part in model.parts()]
    path.write_bytes(encoded(_document(y_up(model), pictures, style)))
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
        geometry = objects.one("Geometry")
        found, pages = _triangles(geometry), _pages(geometry)
        videos = objects.all("Video")
        require(name, len(videos) == model.pages, "its texture has another number of pages")
        contents = [next(child.properties[0] for child in each.children if child.name == "Content") for each in videos]
        sizes = {decoded_size(name, content) for content in contents}
        links = [tuple(each.properties[1:3]) for each in document.one("Connections").children]
        objects_linked, colours_linked = _links(model.pages)
        wanted = {*objects_linked, *colours_linked}
        require(name, set(links) == wanted, "its mesh does not lead to its texture")
        materials = [source for source, target in links if target == _MODEL and source != _GEOMETRY]
        require(name, materials == sorted(materials), "its materials are in another order")
        bounds = upright.bounds()
        for page, (part, content) in enumerate(zip(upright.parts(), contents, strict=True)):
            compare_pictures(name, content, part.texture)
            own = Triangles(found.positions, found.uv, found.faces[pages == page])
            compare_triangles(name, own, part, bounds)
    seen = np.stack([found.positions.min(axis=0), found.positions.max(axis=0)])
    result = Content(len(found.positions), len(found.faces), seen, sizes.pop())
    compare(name, result, Content(len(upright.vertices), len(upright.faces), bounds, model.page_shape))
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


def _pages(geometry: Node) -> NDArray[np.integer]:
    """The material of each triangle, as the place of it among the model's. [F]"""
    layer = geometry.one("LayerElementMaterial")
    stored, mapping = layer.one("Materials").properties[0], layer.one("MappingInformationType").properties[0]
    faces = len(geometry.one("PolygonVertexIndex").properties[0]) // 3
    return stored if mapping == "ByPolygon" else np.repeat(stored, faces)


def _document(model: Model, pictures: Sequence[Picture], style: Style) -> list[Node]:
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
        _definitions(model.pages),
        _objects(model, pictures, style),
        _connections(model.pages),
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


def _definitions(pages: int) -> Node:
    definitions = Node("Definitions")
    definitions.add("Version", 100)
    definitions.add("Count", 3 + 3 * pages)
    for kind in ("GlobalSettings", "Geometry", "Model"):
        definitions.add("ObjectType", kind).add("Count", 1)
    for kind in ("Material", "Texture", "Video"):
        definitions.add("ObjectType", kind).add("Count", pages)
    return definitions


def _objects(model: Model, pictures: Sequence[Picture], style: Style) -> Node:
    objects = Node("Objects")
    objects.children.append(_geometry(model))
    shown = objects.add("Model", Int64(_MODEL), "model\0\1Model", "Mesh")
    shown.add("Version", 232)
    shown.add("Properties70")
    shown.add("Shading", True)
    shown.add("Culling", "CullingOff")
    for page, picture in enumerate(pictures):
        _add_page(objects, page, picture, style)
    return objects


def _add_page(objects: Node, page: int, picture: Picture, style: Style) -> None:
    """A material and its texture with the picture."""
    end, step = numbered(page), page * _STEP
    material = objects.add("Material", Int64(_MATERIAL + step), f"photos{end}\0\1Material", "")
    material.add("Version", 102)
    material.add("ShadingModel", "lambert")
    material.add("MultiLayer", 0)
    properties = material.add("Properties70")
    properties.add("P", "DiffuseColor", "Color", "", "A", 1.0, 1.0, 1.0)
    properties.add("P", "DiffuseFactor", "Number", "", "A", 1.0)
    file = f"{style.stem}_texture{end}{picture.suffix}"
    texture = objects.add("Texture", Int64(_TEXTURE + step), f"basecolor{end}\0\1Texture", "")
    texture.add("Type", "TextureVideoClip")
    texture.add("Version", 202)
    texture.add("TextureName", f"basecolor{end}\0\1Texture")
    texture.add("Media", f"basecolor{end}\0\1Video")
    texture.add("FileName", file)
    texture.add("RelativeFilename", file)
    texture.add("ModelUVTranslation", 0.0, 0.0)
    texture.add("ModelUVScaling", 1.0, 1.0)
    video = objects.add("Video", Int64(_VIDEO + step), f"basecolor{end}\0\1Video", "Clip")
    video.add("Type", "Clip")
    video.add("Properties70").add("P", "Path", "KString", "XRefUrl", "", file)
    video.add("UseMipMap", 0)
    video.add("Filename", file)
    video.add("RelativeFilename", file)
    video.add("Content", picture.content)


def _geometry(model: Model) -> Node:
    corners = model.faces.astype("<i4").copy()
    corners[:, 2] = -corners[:, 2] - 1  # the last corner of a polygon
    uv = model.page_uv()
    uv = np.stack([uv[:, 0], 1 - uv[:, 1]], axis=1)
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
    mapping = "AllSame" if model.pages == 1 else "ByPolygon"
    material = _layer(geometry, "LayerElementMaterial", 101, mapping, "IndexToDirect")
    material.add("Materials", np.zeros(1, "<i4") if model.pages == 1 else model.page_of_faces().astype("<i4"))
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


def _links(pages: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """What belongs to what, as source and target: objects to objects, and textures to the colours of materials."""
    steps = [page * _STEP for page in range(pages)]
    objects = [(_MODEL, 0), (_GEOMETRY, _MODEL)]
    objects += [(_MATERIAL + step, _MODEL) for step in steps]
    objects += [(_VIDEO + step, _TEXTURE + step) for step in steps]
    return objects, [(_TEXTURE + step, _MATERIAL + step) for step in steps]


def _connections(pages: int) -> Node:
    connections = Node("Connections")
    objects, colours = _links(pages)
    for source, target in objects:
        connections.add("C", "OO", Int64(source), Int64(target))
    for source, target in colours:
        connections.add("C", "OP", Int64(source), Int64(target), "DiffuseColor")
    return connections


EXPORTER = Exporter(write, check, up="y", checked_by="a reader of its own", styled=True)
