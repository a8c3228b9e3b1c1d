"""OBJ with MTL and a PNG texture (Wavefront). Written here, checked by trimesh."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import trimesh
from PIL import Image

from reconstruction_api.formats import ExportFormat

from .checking import Content, compare, decoded_size, failed, reading
from .exporter import Exporter
from .textured_model import Model, y_up

FILE, MATERIALS, TEXTURE = ExportFormat.OBJ.file, "model.mtl", "model_basecolor.png"
MATERIAL = "photos"


def write(model: Model, folder: Path) -> list[Path]:
    """Write `model.obj`, `model.mtl` and `model_basecolor.png`, upright with y up. `model` is z up."""
    upright = y_up(model)
    paths = [folder / FILE, folder / MATERIALS, folder / TEXTURE]
    with paths[0].open("w", encoding="ascii", newline="\n") as file:
        file.write(f"mtllib {MATERIALS}\no model\n")
        _rows(file, "v %.7g %.7g %.7g\n", upright.vertices)
        _rows(file, "vt %.6f %.6f\n", np.stack([upright.uv[:, 0], 1 - upright.uv[:, 1]], axis=1))
        _rows(file, "vn %.4f %.4f %.4f\n", upright.normals)
        file.write(f"usemtl {MATERIAL}\n")
        _rows(file, "f %d/%d/%d %d/%d/%d %d/%d/%d\n", np.repeat(upright.faces + 1, 3, axis=1))
    paths[1].write_text(
        f"newmtl {MATERIAL}\nKa 1 1 1\nKd 1 1 1\nKs 0 0 0\nillum 1\nmap_Kd {TEXTURE}\n", encoding="ascii"
    )
    Image.fromarray(model.texture).save(paths[2], compress_level=4)
    return paths


def check(model: Model, folder: Path) -> Content:
    """Open `model.obj` and what it refers to again. Raises ExportFailed."""
    with reading(FILE):
        mesh = trimesh.load_mesh(folder / FILE, process=False, maintain_order=True)
        image = getattr(getattr(mesh.visual, "material", None), "image", None)
        size = decoded_size(TEXTURE, (folder / TEXTURE).read_bytes())
        if image is None or image.size != size:  # trimesh puts a small grey picture in place of a missing material
            raise failed(FILE, "its material does not lead to the texture")
        found = Content(len(mesh.vertices), len(mesh.faces), np.asarray(mesh.bounds), size)
    upright = y_up(model)
    shape = model.texture.shape
    compare(FILE, found, Content(len(upright.vertices), len(upright.faces), upright.bounds(), (shape[1], shape[0])))
    return found


def _rows(file, pattern: str, values: np.ndarray) -> None:
    """One line a row, some thousands at a time."""
    for begin in range(0, len(values), 20_000):
        part = values[begin : begin + 20_000]
        file.write(pattern * len(part) % tuple(part.ravel().tolist()))


EXPORTER = Exporter(write, check, up="y", checked_by=f"trimesh {trimesh.__version__}")
