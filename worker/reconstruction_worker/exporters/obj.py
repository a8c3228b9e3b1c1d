"""OBJ with MTL and a texture (Wavefront), a material and a picture for each of its pages. Written here, checked by
trimesh."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import trimesh

from reconstruction_api.exports import TextureFormat

from ..stage_files import numbered
from .checking import Content, compare, compare_pictures, decoded_size, failed, reading
from .exporter import Exporter
from .style import Style, picture_of
from .textured_model import Model, y_up

MATERIAL = "photos"
DEFAULT = Style()


def write(model: Model, folder: Path, style: Style = DEFAULT) -> list[Path]:
    """Write `model.obj`, `model.mtl` and `model_basecolor.png`, with `model_basecolor_2.png` and so on for further
    pages, upright with y up. `model` is z up."""
    upright, pages = y_up(model), model.page_of_faces()
    pictures = [picture_of(part.texture, style.texture or TextureFormat.PNG) for part in model.parts()]
    names = [f"{style.stem}_basecolor{numbered(page)}{each.suffix}" for page, each in enumerate(pictures)]
    paths = [folder / f"{style.stem}.obj", folder / f"{style.stem}.mtl"]
    uv = upright.page_uv()
    with paths[0].open("w", encoding="ascii", newline="\n") as file:
        file.write(f"mtllib {paths[1].name}\no model\n")
        _rows(file, "v %.7g %.7g %.7g\n", upright.vertices)
        _rows(file, "vt %.6f %.6f\n", np.stack([uv[:, 0], 1 - uv[:, 1]], axis=1))
        _rows(file, "vn %.4f %.4f %.4f\n", upright.normals)
        for page in range(model.pages):
            file.write(f"usemtl {MATERIAL}{numbered(page)}\n")
            faces = upright.faces[pages == page]
            _rows(file, "f %d/%d/%d %d/%d/%d %d/%d/%d\n", np.repeat(faces + 1, 3, axis=1))
    materials = [
        f"newmtl {MATERIAL}{numbered(page)}\nKa 1 1 1\nKd 1 1 1\nKs 0 0 0\nillum 1\nmap_Kd {name}\n"
        for page, name in enumerate(names)
    ]
    paths[1].write_text("\n".join(materials), encoding="ascii")
    for name, picture in zip(names, pictures, strict=True):
        (folder / name).write_bytes(picture.content)
    return [*paths, *(folder / name for name in names)]


def check(model: Model, folder: Path, style: Style = DEFAULT) -> Content:
    """Open `model.obj` and what it refers to again. Raises ExportFailed."""
    name, upright = f"{style.stem}.obj", y_up(model)
    with reading(name), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of trimesh, for vertices that another page has
        scene = trimesh.load_scene(folder / name, process=False, maintain_order=True, group_material=True)
        meshes = {mesh.visual.material.name: mesh for mesh in scene.geometry.values()}
        parts = {f"{MATERIAL}{numbered(page)}": part for page, part in enumerate(upright.parts())}
        if set(meshes) != set(parts):
            raise failed(name, f"it has {len(meshes)} materials instead of {len(parts)}")
        for page, (material, part) in enumerate(parts.items()):
            (texture,) = folder.glob(f"{style.stem}_basecolor{numbered(page)}.*")
            image = getattr(meshes[material].visual.material, "image", None)
            size = decoded_size(texture.name, texture.read_bytes())
            if image is None or image.size != size:  # trimesh puts a small grey picture in place of a missing material
                raise failed(name, "its material does not lead to the texture")
            compare_pictures(name, texture.read_bytes(), part.texture)
            own = meshes[material]
            # trimesh gives each material all vertices.
            vertices = len(own.vertices) if model.pages == 1 else len(np.unique(own.faces))
            found = Content(vertices, len(own.faces), np.asarray(own.bounds), size)
            compare(name, found, Content(len(part.vertices), len(part.faces), part.bounds(), model.page_shape))
    bounds = np.array([mesh.bounds for mesh in meshes.values()])
    whole = np.stack([bounds[:, 0].min(axis=0), bounds[:, 1].max(axis=0)])
    faces = sum(len(mesh.faces) for mesh in meshes.values())
    return Content(sum(len(part.vertices) for part in parts.values()), faces, whole, model.page_shape)


def _rows(file, pattern: str, values: np.ndarray) -> None:
    """One line a row, some thousands at a time."""
    for begin in range(0, len(values), 20_000):
        part = values[begin : begin + 20_000]
        file.write(pattern * len(part) % tuple(part.ravel().tolist()))


EXPORTER = Exporter(write, check, up="y", checked_by=f"trimesh {trimesh.__version__}", styled=True)
