"""USDZ for iPhone, iPad and Vision Pro: a USD scene and its texture in one package that is read without unpacking. Each
page of the texture is a picture with a material and a mesh of its own, which every reader shows.

A package is a ZIP file that compresses nothing and in which each file begins at a multiple of 64 bytes (Pixar, "USDZ
file format specification", 1.3). The scene is written here as text, and checked by tinyusdz.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import tinyusdz
from numpy.typing import NDArray

from reconstruction_api.exports import TextureFormat

from ..stage_files import numbered
from .checking import Content, compare, compare_pictures, decoded_size, reading, require
from .exporter import Exporter
from .style import Style, picture_of
from .textured_model import Model, y_up
from .triangles import Triangles, compare_triangles

DEFAULT = Style()
SCENE: Final = "model.usda"
ALIGNMENT: Final = 64
"""Bytes."""
_HEADER: Final = 30
"""Bytes before a file's name in a ZIP."""
_PADDING: Final = 0x1986
"""Identifier of the extra field that fills up to the next multiple; as Pixar's own packages have it."""
_ROWS: Final = 20_000


def write(model: Model, folder: Path, style: Style = DEFAULT) -> list[Path]:
    """Write `model.usdz`, y up. `model` is z up."""
    path = folder / f"{style.stem}.usdz"
    pictures = [picture_of(part.texture, style.texture or TextureFormat.JPEG) for part in model.parts()]
    names = [f"texture{numbered(page)}{picture.suffix}" for page, picture in enumerate(pictures)]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as package:
        _add(package, SCENE, "".join(_scene(y_up(model), names)).encode())
        for name, picture in zip(names, pictures, strict=True):
            _add(package, name, picture.content)
    return [path]


def check(model: Model, folder: Path, style: Style = DEFAULT) -> Content:
    """Open `model.usdz` again. Raises ExportFailed."""
    name, upright = f"{style.stem}.usdz", y_up(model)
    with reading(name):
        textures = _unpacked(name, folder / name)
        stage = tinyusdz.load(str(folder / name))
        require(name, stage.get_metadata("upAxis") == "Y", "it is not y up")
        require(name, float(stage.get_metadata("metersPerUnit") or 0) == 1.0, "its unit is not the metre")
        scene = tinyusdz.tydra.convert_to_render_scene(stage)
        meshes, materials, parts = scene.meshes(), scene.materials(), upright.parts()
        counts = len(meshes), len(materials), len(scene.images()), len(textures)
        require(name, set(counts) == {model.pages}, "its texture has another number of pages")
        found, bounds = [_triangles(mesh) for mesh in meshes], upright.bounds()
        for page, (mesh, part) in enumerate(zip(meshes, parts, strict=True)):
            require(name, mesh.material_id >= 0, "its mesh has no material")
            own, image = f"photos{numbered(page)}", _image(scene, mesh)
            require(name, materials[mesh.material_id].name == own, "its mesh has another material")
            require(name, image == textures[page][0], "its material has another texture")
            compare_pictures(name, textures[page][1], part.texture)
            compare_triangles(name, found[page], part, bounds)
        size = decoded_size(name, textures[0][1])
    positions = np.concatenate([each.positions for each in found])
    seen = np.stack([positions.min(axis=0), positions.max(axis=0)])
    # tinyusdz joins and splits vertices as renderers need them.
    result = Content(len(upright.vertices), sum(len(each.faces) for each in found), seen, size)
    compare(name, result, Content(len(upright.vertices), len(upright.faces), bounds, model.page_shape))
    return result


def _unpacked(name: str, path: Path) -> list[tuple[str, bytes]]:
    """Names and contents of the textures in a package whose files lie as they should."""
    with zipfile.ZipFile(path) as package:
        entries = package.infolist()
        require(name, [entry.filename for entry in entries][:1] == [SCENE], "its first file is not the scene")
        data = path.read_bytes()
        for entry in entries:
            require(name, entry.compress_type == zipfile.ZIP_STORED, "a file in it is compressed")
            at = entry.header_offset
            before = sum(struct.unpack_from("<2H", data, at + 26))  # lengths of its name and of the extra field
            require(name, (at + _HEADER + before) % ALIGNMENT == 0, "a file in it is not aligned to 64 bytes")
        return [(entry.filename, package.read(entry)) for entry in entries[1:]]


def _image(scene: Any, mesh: Any) -> str:
    """The file that a mesh's material leads to."""
    colour = scene.materials()[mesh.material_id].preview_surface["diffuse_color"]
    texture = scene.textures()[colour["texture_id"]]
    return Path(scene.images()[texture.texture_image_id].asset_identifier).name


def _triangles(mesh: Any) -> Triangles:
    positions = np.array(mesh.points, np.float64).reshape(-1, 3)
    faces = np.array(mesh.face_vertex_indices, np.int64).reshape(-1, 3)
    uv = np.array(mesh.texcoord(0), np.float64).reshape(-1, 2)
    return Triangles(positions, np.stack([uv[:, 0], 1 - uv[:, 1]], axis=1), faces)


def _add(package: zipfile.ZipFile, name: str, content: bytes) -> None:
    assert package.fp is not None
    begin = package.fp.tell() + _HEADER + len(name) + 4
    filling = -begin % ALIGNMENT
    entry = zipfile.ZipInfo(name)  # without a date: the same package each time
    entry.extra = _PADDING.to_bytes(2, "little") + filling.to_bytes(2, "little") + b"\0" * filling
    package.writestr(entry, content)


def _scene(model: Model, textures: Sequence[str]) -> Iterator[str]:
    """The scene as text, in parts. `textures` are the pages' files."""
    yield (
        "#usda 1.0\n(\n"
        '    defaultPrim = "model"\n    metersPerUnit = 1\n    upAxis = "Y"\n)\n\n'
        'def Xform "model" (\n    kind = "component"\n)\n{\n'
    )
    open_surface = not model.welded()[0].is_watertight()
    for page, part in enumerate(model.parts()):
        yield from _mesh(part, page, open_surface)
    for page, texture in enumerate(textures):
        yield _material(page, texture)
        yield "}\n" if page + 1 == len(textures) else "\n"


def _mesh(model: Model, page: int, open_surface: bool) -> Iterator[str]:
    """What is on a page, as text."""
    low, high = model.bounds().tolist()
    yield (
        f'    def Mesh "surface{numbered(page)}" (\n'
        '        prepend apiSchemas = ["MaterialBindingAPI"]\n    )\n    {\n'
        f"        float3[] extent = [{_tuple(low)}, {_tuple(high)}]\n"
        '        uniform token subdivisionScheme = "none"\n'
        f"        uniform bool doubleSided = {int(open_surface)}\n"
        f"        rel material:binding = </model/photos{numbered(page)}>\n"
    )
    yield "        int[] faceVertexCounts = "
    yield from _list(np.full((len(model.faces), 1), 3), "%d")
    yield "        int[] faceVertexIndices = "
    yield from _list(model.faces.reshape(-1, 1), "%d")
    yield "        point3f[] points = "
    yield from _list(model.vertices, "(%.9g, %.9g, %.9g)")
    yield "        normal3f[] normals = "
    yield from _list(model.normals, "(%.4f, %.4f, %.4f)", ' (\n            interpolation = "vertex"\n        )')
    yield "        texCoord2f[] primvars:st = "
    uv = np.stack([model.uv[:, 0], 1 - model.uv[:, 1]], axis=1)
    yield from _list(uv, "(%.6f, %.6f)", ' (\n            interpolation = "vertex"\n        )')
    yield "    }\n\n"


def _material(page: int, texture: str) -> str:
    name = f"photos{numbered(page)}"
    return (
        f'    def Material "{name}"\n    {{\n'
        f"        token outputs:surface.connect = </model/{name}/surface.outputs:surface>\n\n"
        '        def Shader "surface"\n        {\n'
        '            uniform token info:id = "UsdPreviewSurface"\n'
        f"            color3f inputs:diffuseColor.connect = </model/{name}/basecolor.outputs:rgb>\n"
        "            float inputs:metallic = 0\n"
        "            float inputs:roughness = 1\n"
        "            token outputs:surface\n        }\n\n"
        '        def Shader "basecolor"\n        {\n'
        '            uniform token info:id = "UsdUVTexture"\n'
        f"            asset inputs:file = @{texture}@\n"
        '            token inputs:sourceColorSpace = "sRGB"\n'
        f"            float2 inputs:st.connect = </model/{name}/coordinates.outputs:result>\n"
        '            token inputs:wrapS = "clamp"\n'
        '            token inputs:wrapT = "clamp"\n'
        "            float3 outputs:rgb\n        }\n\n"
        '        def Shader "coordinates"\n        {\n'
        '            uniform token info:id = "UsdPrimvarReader_float2"\n'
        '            string inputs:varname = "st"\n'
        "            float2 outputs:result\n        }\n"
        "    }\n"
    )


def _list(values: NDArray[Any], pattern: str, after: str = "") -> Iterator[str]:
    """An array as text, some thousands of rows at a time."""
    yield "["
    for begin in range(0, len(values), _ROWS):
        part = values[begin : begin + _ROWS]
        text = ", ".join([pattern] * len(part)) % tuple(part.ravel().tolist())
        yield f", {text}" if begin else text
    yield f"]{after}\n"


def _tuple(values: list[float]) -> str:
    return f"({', '.join(f'{value:.9g}' for value in values)})"


EXPORTER = Exporter(write, check, up="y", checked_by=f"tinyusdz {version('tinyusdz')}", styled=True)
