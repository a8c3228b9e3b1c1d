"""`preview.png`: the model beside a photo taken from the same place, as wires, and from other sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..exporters.textured_model import Model
from ..geometry.orbit import orbit_camera
from ..geometry.raycast import Caster
from ..geometry.render import Picture, over, render, shaded, textured, wireframe
from ..geometry.rendering import Camera
from ..geometry.scene import Scene, View

PANEL = 480
GAP = 12
BACKGROUND = np.array([0.94, 0.945, 0.955])
INK = (40, 46, 56)
SIDES = (("left", -50, 12), ("above", 25, 50), ("right", 60, 12))
"""Name, turn from the front and elevation in degrees of the additional views."""
LOWEST, HIGHEST = 10.0, 35.0
"""Elevations between which a shape is seen best, in degrees."""


@dataclass(frozen=True)
class Preview:
    """The sheet with all pictures, and the model alone from the side that most photos show, neither from straight above
    nor from below."""

    sheet: Image.Image
    model: Image.Image


def preview(model: Model, scene: Scene) -> Preview:
    """Two rows: photo, model and wires from the most frontal camera; below, the model from three other sides. Without
    posed photos the first picture is the shape.

    `model` is in world units, z up.
    """
    mesh = model.mesh()
    caster = Caster(mesh)
    colours = textured(mesh, model.uv, model.texture)
    view = frontal_view(scene) if scene.views else None
    if view is not None:
        camera = view.camera.scaled(PANEL / max(view.camera.width, view.camera.height))
        photo, caption = over(_scaled_photo(view, camera), BACKGROUND), "model from the same place"
    else:
        camera, caption = orbit_camera(mesh.vertices, 0, 12, PANEL), "from the front"
        photo = over(render(caster, camera, shaded(mesh)), BACKGROUND)
    panels = [
        ("photo" if view is not None else "shape", photo),
        (caption, over(render(caster, camera, colours), BACKGROUND)),
        ("triangles", over(render(caster, camera, wireframe(mesh, camera)), BACKGROUND)),
    ]
    for (name, turn, elevation), shader in zip(SIDES, (colours, shaded(mesh), colours), strict=True):
        panels.append(
            (name, over(render(caster, orbit_camera(mesh.vertices, turn, elevation, PANEL), shader), BACKGROUND))
        )
    better = poster_camera(mesh.vertices, camera)
    poster = panels[1][1] if better is camera else over(render(caster, better, colours), BACKGROUND)
    return Preview(_sheet(panels), Image.fromarray(poster))


def poster_camera(vertices: NDArray[np.float64], camera: Camera) -> Camera:
    """The camera itself where it looks at the model from an elevation that shows its shape, or is inside of it; else
    one from the same side."""
    pose = camera.camera_to_world
    back, place = pose[:3, 2], pose[:3, 3]
    elevation = float(np.degrees(np.arcsin(np.clip(back[2], -1, 1))))
    inside = bool(((place > vertices.min(axis=0)) & (place < vertices.max(axis=0))).all())
    if LOWEST <= elevation <= HIGHEST or inside:
        return camera
    aside = float(np.hypot(back[0], back[1]))
    turn = float(np.degrees(np.arctan2(back[0], -back[1]))) if aside > 0.25 else 0.0
    return orbit_camera(vertices, turn, float(np.clip(elevation, LOWEST, HIGHEST)), PANEL)


def frontal_view(scene: Scene) -> View:
    """The view whose direction is closest to the mean of all."""
    directions = np.array([view.camera.camera_to_world[:3, 2] for view in scene.views])
    return scene.views[int((directions @ directions.mean(axis=0)).argmax())]


def _scaled_photo(view: View, camera: Camera) -> Picture:
    picture = Image.fromarray(view.photo()).resize((camera.width, camera.height), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def _sheet(panels: list[tuple[str, NDArray[np.uint8]]]) -> Image.Image:
    """Pictures in rows of three, each with its name below."""
    font = ImageFont.load_default(size=15)
    line = 26
    height = max(picture.shape[0] for _, picture in panels[:3])
    rows = [height, PANEL]
    plain = tuple(round(float(c) * 255) for c in BACKGROUND)
    size = (3 * PANEL + 4 * GAP, sum(rows) + 2 * line + 3 * GAP)
    sheet = Image.new("RGB", size, plain)
    draw = ImageDraw.Draw(sheet)
    top = GAP
    for row, tall in enumerate(rows):
        for column, (name, picture) in enumerate(panels[3 * row : 3 * row + 3]):
            left = GAP + column * (PANEL + GAP)
            x, y = left + (PANEL - picture.shape[1]) // 2, top + (tall - picture.shape[0]) // 2
            sheet.paste(Image.fromarray(picture), (x, y))
            draw.text((left + PANEL / 2, top + tall + line / 2), name, INK, font, anchor="mm")
        top += tall + line + GAP
    return sheet
