"""OBJ with MTL and a texture (Wavefront). Written here, checked by trimesh."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import trimesh

from reconstruction_api.exports import TextureFormat

from .checking import Content, compare, compare_pictures, decoded_size, failed, reading
from .exporter import Exporter
from .style import Style, picture_of
from .textured_model import Model, y_up

MATERIAL = "photos"
DEFAULT = Style()


def write(model: Model, folder: Path, style: Style = DEFAULT) -> list[Path]:
    """Write `model.obj`, `model.mtl` and `model_basecolor.png`, upright with y up. `model` is z up."""
    upright = y_up(model)
    picture = picture_of(model.texture, style.texture or TextureFormat.PNG)
    paths = [folder / f"{style.stem}{end}" for end in (".obj", ".mtl", f"_basecolor{picture.suffix}")]
    with paths[0].open("w", encoding="ascii", newline="\n") as file:
        file.write(f"mtllib {paths[1].name}\no model\n")
        _rows(file, "v %.7g %.7g %.7g\n", upright.vertices)
        _rows(file, "vt %.6f %.6f\n", np.stack([upright.uv[:, 0], 1 - upright.uv[:, 1]], axis=1))
        _rows(file, "vn %.4f %.4f %.4f\n", upright.normals)
        file.write(f"usemtl {MATERIAL}\n")
        _rows(file, "f %d/%d/%d %d/%d/%d %d/%d/%d\n", np.repeat(upright.faces + 1, 3, axis=1))
    paths[1].write_text(
        f"newmtl {MATERIAL}\nKa 1 1 1\nKd 1 1 1\nKs 0 0 0\nillum 1\nmap_Kd {paths[2].name}\n", encoding="ascii"
    )
    paths[2].write_bytes(picture.content)
    return paths


def check(model: Model, folder: Path, style: Style = DEFAULT) -> Content:
    """Open `model.obj` and what it refers to again. Raises ExportFailed."""
    name = f"{style.stem}.obj"
    with reading(name):
        mesh = trimesh.load_mesh(folder / name, process=False, maintain_order=True)
        image = getattr(getattr(mesh.visual, "material", None), "image", None)
        (texture,) = folder.glob(f"{style.stem}_basecolor.*")
        size = decoded_size(texture.name, texture.read_bytes())
        if image is None or image.size != size:  # trimesh puts a small grey picture in place of a missing material
            raise failed(name, "its material does not lead to the texture")
        found = Content(len(mesh.vertices), len(mesh.faces), np.asarray(mesh.bounds), size)
        compare_pictures(name, texture.read_bytes(), model.texture)
    upright = y_up(model)
    shape = model.texture.shape
    compare(name, found, Content(len(upright.vertices), len(upright.faces), upright.bounds(), (shape[1], shape[0])))
    return found


def _rows(file, pattern: str, values: np.ndarray) -> None:
    """One line a row, some thousands at a time."""
    for begin in range(0, len(values), 20_000):
        part = values[begin : begin + 20_000]
        file.write(pattern * len(part) % tuple(part.ravel().tolist()))


EXPORTER = Exporter(write, check, up="y", checked_by=f"trimesh {trimesh.__version__}", styled=True)
