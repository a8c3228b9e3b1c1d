"""GLB: binary glTF 2.0 with the texture inside, each of its pages as a picture with a material of its own.

The file is written here and checked by trimesh, and against the specification's rules in `gltf_rules`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import trimesh

from ..stage_files import numbered
from .checking import Content, reading
from .exporter import Exporter
from .gltf_buffer import Buffer
from .gltf_checks import CHECKED_BY, compare_surface
from .gltf_container import glb_of, packed, unpacked, view_of
from .gltf_document import document_of
from .gltf_meshopt import plain
from .style import Picture, Style
from .textured_model import Model, y_up

DEFAULT = Style()


def write(model: Model, folder: Path, style: Style = DEFAULT) -> list[Path]:
    """Write `model.glb`, upright with y up. `model` is z up."""
    path = folder / _file(style)
    path.write_bytes(encode(y_up(model), style))
    return [path]


def check(model: Model, folder: Path, style: Style = DEFAULT) -> Content:
    """Open `model.glb` again. Raises ExportFailed."""
    name = _file(style)
    with reading(name):
        document, binary = plain(name, *unpacked(name, (folder / name).read_bytes()))
        pictures = [view_of(document, binary, image["bufferView"]) for image in document["images"]]
        scene = trimesh.load_scene(
            trimesh.util.wrap_as_stream(glb_of(document, binary)), file_type="glb", process=False
        )
        return compare_surface(name, document, binary, pictures, scene, model, style)


def encode(model: Model, style: Style = DEFAULT) -> bytes:
    """A model that is already y up, as GLB."""
    return packed(*document_of(model, style, _inside))


def _inside(buffer: Buffer, picture: Picture, page: int) -> dict[str, Any]:
    view = buffer.view(picture.content)
    return {"bufferView": view, "mimeType": picture.media_type, "name": f"basecolor{numbered(page)}"}


def _file(style: Style) -> str:
    return f"{style.stem}.glb"


EXPORTER = Exporter(write, check, up="y", checked_by=CHECKED_BY, styled=True)
