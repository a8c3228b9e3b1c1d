"""USDZ for iPhone, iPad and Vision Pro: a USD scene and its texture in one package that is read without unpacking.

A package is a ZIP file that compresses nothing and in which each file begins at a multiple of 64 bytes (Pixar, "USDZ
file format specification", 1.3). The scene is written here as text, and checked by tinyusdz.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import tinyusdz
from numpy.typing import NDArray

from reconstruction_api.exports import TextureFormat

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
    picture = picture_of(model.texture, style.texture or TextureFormat.JPEG)
    texture = f"texture{picture.suffix}"
    scene = "".join(_scene(y_up(model), texture)).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as package:
        for name, content in ((SCENE, scene), (texture, picture.content)):
            _add(package, name, content)
    return [path]


def check(model: Model, folder: Path, style: Style = DEFAULT) -> Content:
    """Open `model.usdz` again. Raises ExportFailed."""
    name, upright = f"{style.stem}.usdz", y_up(model)
    with reading(name):
        texture = _unpacked(name, folder / name)
        stage = tinyusdz.load(str(folder / name))
        require(name, stage.get_metadata("upAxis") == "Y", "it is not y up")
        require(name, float(stage.get_metadata("metersPerUnit") or 0) == 1.0, "its unit is not the metre")
        scene = tinyusdz.tydra.convert_to_render_scene(stage)
        (mesh,), (image,) = scene.meshes(), scene.images()
        found = _triangles(mesh)
        require(name, mesh.material_id >= 0, "its mesh has no material")
        require(name, Path(image.asset_identifier).name == Path(texture[0]).name, "its material has another texture")
        compare_pictures(name, texture[1], model.texture)
        size = decoded_size(name, texture[1])
    height, width, _ = model.texture.shape
    bounds = np.stack([found.positions.min(axis=0), found.positions.max(axis=0)])
    # tinyusdz joins and splits vertices as renderers need them.
    result = Content(len(upright.vertices), len(found.faces), bounds, size)
    compare(name, result, Content(len(upright.vertices), len(upright.faces), upright.bounds(), (width, height)))
    compare_triangles(name, found, upright)
    return result


def _unpacked(name: str, path: Path) -> tuple[str, bytes]:
    """Name and content of the texture in a package whose files lie as they should."""
    with zipfile.ZipFile(path) as package:
        entries = package.infolist()
        require(name, [entry.filename for entry in entries][:1] == [SCENE], "its first file is not the scene")
        data = path.read_bytes()
        for entry in entries:
            require(name, entry.compress_type == zipfile.ZIP_STORED, "a file in it is compressed")
            at = entry.header_offset
            before = sum(struct.unpack_from("<2H", data, at + 26))  # lengths of its name and of the extra field
            require(name, (at + _HEADER + before) % ALIGNMENT == 0, "a file in it is not aligned to 64 bytes")
        return entries[1].filename, package.read(entries[1])


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


def _scene(model: Model, texture: str) -> Iterator[str]:
    """The scene as text, in parts."""
    low, high = model.bounds().tolist()
    yield (
        "#usda 1.0\n(\n"
        '    defaultPrim = "model"\n    metersPerUnit = 1\n    upAxis = "Y"\n)\n\n'
        'def Xform "model" (\n    kind = "component"\n)\n{\n'
        '    def Mesh "surface" (\n        prepend apiSchemas = ["MaterialBindingAPI"]\n    )\n    {\n'
        f"        float3[] extent = [{_tuple(low)}, {_tuple(high)}]\n"
        '        uniform token subdivisionScheme = "none"\n'
        f"        uniform bool doubleSided = {int(not model.welded()[0].is_watertight())}\n"
        "        rel material:binding = </model/photos>\n"
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
    yield (
        "    }\n\n"
        '    def Material "photos"\n    {\n'
        "        token outputs:surface.connect = </model/photos/surface.outputs:surface>\n\n"
        '        def Shader "surface"\n        {\n'
        '            uniform token info:id = "UsdPreviewSurface"\n'
        "            color3f inputs:diffuseColor.connect = </model/photos/basecolor.outputs:rgb>\n"
        "            float inputs:metallic = 0\n"
        "            float inputs:roughness = 1\n"
        "            token outputs:surface\n        }\n\n"
        '        def Shader "basecolor"\n        {\n'
        '            uniform token info:id = "UsdUVTexture"\n'
        f"            asset inputs:file = @{texture}@\n"
        '            token inputs:sourceColorSpace = "sRGB"\n'
        "            float2 inputs:st.connect = </model/photos/coordinates.outputs:result>\n"
        '            token inputs:wrapS = "clamp"\n'
        '            token inputs:wrapT = "clamp"\n'
        "            float3 outputs:rgb\n        }\n\n"
        '        def Shader "coordinates"\n        {\n'
        '            uniform token info:id = "UsdPrimvarReader_float2"\n'
        '            string inputs:varname = "st"\n'
        "            float2 outputs:result\n        }\n"
        "    }\n}\n"
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
