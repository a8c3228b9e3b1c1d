"""glTF 2.0 with its buffer and its texture as files of their own. Written here, checked like GLB."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import trimesh

from ..stage_files import numbered
from .checking import Content, reading, require
from .exporter import Exporter
from .gltf_buffer import Buffer
from .gltf_checks import CHECKED_BY, compare_surface
from .gltf_container import check_buffers, whole
from .gltf_document import document_of
from .gltf_meshopt import plain
from .style import Picture, Style
from .textured_model import Model, y_up

DEFAULT = Style()


def write(model: Model, folder: Path, style: Style = DEFAULT) -> list[Path]:
    """Write `model.gltf`, `model.bin` and `model_texture.jpg`, with `model_texture_2.jpg` and so on for further pages,
    upright with y up. `model` is z up."""
    document, buffers = folder / _file(style), folder / f"{style.stem}.bin"
    pictures: list[Path] = []

    def beside(buffer: Buffer, picture: Picture, page: int) -> dict[str, Any]:
        path = folder / f"{style.stem}_texture{numbered(page)}{picture.suffix}"
        path.write_bytes(picture.content)
        pictures.append(path)
        return {"uri": path.name, "mimeType": picture.media_type, "name": f"basecolor{numbered(page)}"}

    content, buffer = document_of(y_up(model), style, beside)
    buffers.write_bytes(bytes(buffer.data))
    document.write_text(json.dumps(whole(content, buffer, uri=buffers.name), indent=1))
    return [document, buffers, *pictures]


def check(model: Model, folder: Path, style: Style = DEFAULT) -> Content:
    """Open `model.gltf` and what it refers to again. Raises ExportFailed."""
    name = _file(style)
    with reading(name):
        document = json.loads((folder / name).read_text())
        binary = _beside(name, folder, document["buffers"][0]["uri"])
        check_buffers(name, document, binary)
        pictures = [_beside(name, folder, image["uri"]) for image in document["images"]]
        document, binary = plain(name, document, binary)
        with TemporaryDirectory() as scratch:
            document["buffers"][0]["uri"] = "buffer.bin"
            (Path(scratch) / "buffer.bin").write_bytes(binary)
            for image, picture in zip(document["images"], pictures, strict=True):
                (Path(scratch) / image["uri"]).write_bytes(picture)
            (Path(scratch) / "whole.gltf").write_text(json.dumps(document))
            scene = trimesh.load_scene(Path(scratch) / "whole.gltf", process=False)
        return compare_surface(name, document, binary, pictures, scene, model, style)


def _beside(name: str, folder: Path, uri: str) -> bytes:
    require(name, "/" not in uri and (folder / uri).is_file(), f"it refers to {uri}, which is not beside it")
    return (folder / uri).read_bytes()


def _file(style: Style) -> str:
    return f"{style.stem}.gltf"


EXPORTER = Exporter(write, check, up="y", checked_by=CHECKED_BY, styled=True)
