"""GLB: binary glTF 2.0 with the texture inside (Khronos, "glTF 2.0 Specification", ISO/IEC 12113:2022).

The file is written here and checked by trimesh, and against the specification's rules in `gltf_rules`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import trimesh

from reconstruction_api.formats import ExportFormat
from reconstruction_api.job import Compression

from .checking import Content, compare, failed, reading
from .exporter import Exporter
from .gltf_buffer import Buffer
from .gltf_container import packed
from .gltf_geometry import GEOMETRIES
from .gltf_rules import check_rules
from .textured_model import Model, jpeg, y_up
from .triangles import compare_triangles

FILE = ExportFormat.GLB.file
JPEG_QUALITY = 92

LINEAR, LINEAR_MIPMAP_LINEAR, CLAMP_TO_EDGE = 9729, 9987, 33071


def write(model: Model, folder: Path, compression: Compression = Compression.NONE) -> list[Path]:
    """Write `model.glb`, upright with y up. `model` is z up."""
    path = folder / FILE
    path.write_bytes(encode(y_up(model), compression))
    return [path]


def check(model: Model, folder: Path, compression: Compression = Compression.NONE) -> Content:
    """Open `model.glb` again. Raises ExportFailed."""
    data = (folder / FILE).read_bytes()
    upright = y_up(model)
    with reading(FILE):
        surface = check_rules(FILE, data)
        scene = trimesh.load_scene(trimesh.util.wrap_as_stream(data), file_type="glb", process=False)
        meshes = scene.dump()
        if len(meshes) != 1 or not isinstance(meshes[0], trimesh.Trimesh):
            raise failed(FILE, f"it holds {len(meshes)} meshes instead of one")
        found = Content(len(meshes[0].vertices), len(meshes[0].faces), np.asarray(meshes[0].bounds), surface.texture)
    # Draco stores the triangles in an order of its own, with a vertex more or less.
    vertices = found.vertices if compression is Compression.DRACO else len(upright.vertices)
    height, width, _ = model.texture.shape
    compare(FILE, found, Content(vertices, len(upright.faces), upright.bounds(), (width, height)))
    compare_triangles(FILE, surface.triangles, upright)
    return found


def encode(model: Model, compression: Compression = Compression.NONE) -> bytes:
    """A model that is already y up, as GLB."""
    buffer = Buffer()
    geometry = GEOMETRIES[compression](model, buffer)
    image = buffer.view(jpeg(model.texture, JPEG_QUALITY))
    open_surface = not model.welded()[0].is_watertight()
    document = {
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "model", **geometry.node}],
        "meshes": [{"name": "model", "primitives": [{**geometry.primitive, "material": 0, "mode": 4}]}],
        "materials": [
            {
                "name": "photos",
                "pbrMetallicRoughness": {
                    "baseColorTexture": {"index": 0},
                    "metallicFactor": 0.0,
                    "roughnessFactor": 1.0,
                },
                "doubleSided": open_surface,
            }
        ],
        "textures": [{"sampler": 0, "source": 0}],
        "samplers": [
            {"magFilter": LINEAR, "minFilter": LINEAR_MIPMAP_LINEAR, "wrapS": CLAMP_TO_EDGE, "wrapT": CLAMP_TO_EDGE}
        ],
        "images": [{"bufferView": image, "mimeType": "image/jpeg", "name": "basecolor"}],
    }
    if geometry.extensions:
        document |= {"extensionsUsed": [*geometry.extensions], "extensionsRequired": [*geometry.extensions]}
    return packed(document, buffer)


EXPORTER = Exporter(write, check, up="y", checked_by=f"trimesh {trimesh.__version__} and the rules of glTF 2.0")
