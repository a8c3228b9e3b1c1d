"""Clay and textured pictures of meshes, from where three of the photos were taken."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reconstruction_worker.exporters.textured_model import load_model
from reconstruction_worker.geometry.raycast import Caster
from reconstruction_worker.geometry.render import over, render, shaded, textured
from reconstruction_worker.geometry.scene import load_scene

HEIGHT = 360
WHITE = np.ones(3)


def draw(workspaces: Sequence[Path], file: Path) -> None:
    """For each workspace one row: photo, clay and texture, for each of three photos that all of them have placed."""
    names = [view.name for view in load_scene(workspaces[0]).views]
    for other in workspaces[1:]:
        placed = {view.name for view in load_scene(other).views}
        names = [name for name in names if name in placed]
    chosen = (names[0], names[len(names) // 3], names[2 * len(names) // 3])
    rows = [Image.fromarray(_row(workspace, chosen)) for workspace in workspaces]
    whole = Image.new("RGB", (max(row.width for row in rows), sum(row.height for row in rows)), "white")
    for number, row in enumerate(rows):
        whole.paste(row, (0, number * HEIGHT))
    file.parent.mkdir(parents=True, exist_ok=True)
    whole.save(file, quality=88)


def _row(workspace: Path, names: Sequence[str]) -> NDArray[np.uint8]:
    views = {view.name: view for view in load_scene(workspace).views}
    model = load_model(workspace / "texture", metres_per_unit=None)
    mesh = model.mesh()
    caster, shaders = Caster(mesh), (shaded(mesh), textured(mesh, model.uv, model.texture))
    cells = []
    for view in (views[name] for name in names):
        camera = view.camera.scaled(HEIGHT / view.camera.height)
        photo = Image.fromarray(over(view.photo(), WHITE)).resize((camera.width, camera.height))
        cells += [np.asarray(photo), *(over(render(caster, camera, shader), WHITE) for shader in shaders)]
    return np.hstack(cells)
