"""GLB: binary glTF 2.0 with the texture inside (Khronos, "glTF 2.0 Specification", ISO/IEC 12113:2022).

The file is written here and checked by trimesh, and against the specification's rules in `gltf_rules`.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from .checking import Content, compare, failed, reading
from .gltf_rules import check_rules
from .model import Model, jpeg, y_up

FILE = "model.glb"
MEDIA_TYPE = "model/gltf-binary"
CHECKED_BY = f"trimesh {trimesh.__version__} and the rules of glTF 2.0"
GENERATOR = "reconstruction-operator"
JPEG_QUALITY = 92

ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
UNSIGNED_SHORT, UNSIGNED_INT, FLOAT = 5123, 5125, 5126
LINEAR, LINEAR_MIPMAP_LINEAR, CLAMP_TO_EDGE = 9729, 9987, 33071


@dataclass
class _Buffer:
    """The binary chunk while it grows, with the views into it."""

    data: bytearray = field(default_factory=bytearray)
    views: list[dict[str, int]] = field(default_factory=list)
    accessors: list[dict[str, Any]] = field(default_factory=list)

    def view(self, content: bytes, target: int | None = None) -> int:
        """Append bytes at a multiple of four; the index of their view."""
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(content)}
        if target is not None:
            view["target"] = target
        self.data += content + b"\0" * (-len(content) % 4)
        self.views.append(view)
        return len(self.views) - 1

    def accessor(self, values: NDArray[Any], component: int, kind: str, target: int, **extra: Any) -> int:
        view = self.view(np.ascontiguousarray(values).tobytes(), target)
        self.accessors.append(
            {"bufferView": view, "componentType": component, "count": len(values), "type": kind, **extra}
        )
        return len(self.accessors) - 1


def write(model: Model, folder: Path) -> list[Path]:
    """Write `model.glb`, upright with y up. `model` is z up."""
    path = folder / FILE
    path.write_bytes(encode(y_up(model)))
    return [path]


def check(model: Model, folder: Path) -> Content:
    """Open `model.glb` again. Raises ExportFailed."""
    data = (folder / FILE).read_bytes()
    with reading(FILE):
        texture = check_rules(FILE, data)
        scene = trimesh.load_scene(trimesh.util.wrap_as_stream(data), file_type="glb", process=False)
        meshes = scene.dump()
        if len(meshes) != 1 or not isinstance(meshes[0], trimesh.Trimesh):
            raise failed(FILE, f"it holds {len(meshes)} meshes instead of one")
        found = Content(len(meshes[0].vertices), len(meshes[0].faces), np.asarray(meshes[0].bounds), texture)
    upright = y_up(model)
    size = model.texture.shape
    compare(FILE, found, Content(len(upright.vertices), len(upright.faces), upright.bounds(), (size[1], size[0])))
    return found


def encode(model: Model) -> bytes:
    """A model that is already y up, as GLB."""
    buffer = _Buffer()
    low, high = (corner.tolist() for corner in model.bounds())
    attributes = {
        "POSITION": buffer.accessor(
            model.vertices.astype("<f4"), FLOAT, "VEC3", ARRAY_BUFFER, min=low, max=high, name="positions"
        ),
        "NORMAL": buffer.accessor(model.normals.astype("<f4"), FLOAT, "VEC3", ARRAY_BUFFER, name="normals"),
        "TEXCOORD_0": buffer.accessor(model.uv.astype("<f4"), FLOAT, "VEC2", ARRAY_BUFFER, name="uv"),
    }
    small = len(model.vertices) < 65535
    kind, component = ("<u2", UNSIGNED_SHORT) if small else ("<u4", UNSIGNED_INT)
    indices = buffer.accessor(
        model.faces.astype(kind).reshape(-1), component, "SCALAR", ELEMENT_ARRAY_BUFFER, name="triangles"
    )
    image = buffer.view(jpeg(model.texture, JPEG_QUALITY))
    open_surface = not model.welded()[0].is_watertight()
    document = {
        "asset": {"version": "2.0", "generator": GENERATOR},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "model"}],
        "meshes": [
            {"name": "model", "primitives": [{"attributes": attributes, "indices": indices, "material": 0, "mode": 4}]}
        ],
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
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": len(buffer.data)}],
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    chunks = _chunk(b"JSON", text) + _chunk(b"BIN\0", bytes(buffer.data))
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack("<I4s", len(content), kind) + content
