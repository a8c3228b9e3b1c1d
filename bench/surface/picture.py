"""Clay and textured pictures of a mesh, from where three of the photos were taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from reconstruction_worker.geometry.mesh import Mesh
from reconstruction_worker.geometry.raycast import Caster
from reconstruction_worker.geometry.render import over, render, shaded, textured
from reconstruction_worker.geometry.scene import load_scene

HEIGHT = 360
WHITE = np.ones(3)


def draw(workspace: Path, file: Path) -> None:
    """One row: photo, clay and texture, for each of three photos."""
    views = list(load_scene(workspace).views)
    with np.load(workspace / "texture" / "mesh.npz") as arrays:
        mesh, uv = Mesh(arrays["vertices"].astype(np.float64), arrays["faces"]), arrays["uv"]
    picture = np.asarray(Image.open(workspace / "texture" / "basecolor.png").convert("RGB"))
    caster, shaders = Caster(mesh), (shaded(mesh), textured(mesh, uv, picture))
    cells = []
    for view in (views[0], views[len(views) // 3], views[2 * len(views) // 3]):
        camera = view.camera.scaled(HEIGHT / view.camera.height)
        photo = Image.fromarray(over(view.photo(), WHITE)).resize((camera.width, camera.height))
        cells += [np.asarray(photo), *(over(render(caster, camera, shader), WHITE) for shader in shaders)]
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.hstack(cells)).save(file, quality=88)
