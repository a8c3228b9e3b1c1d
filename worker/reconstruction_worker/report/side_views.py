"""Pictures of the model from fixed sides, each upright, transparent and framed the same: for catalogues and reviews."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from reconstruction_api.exports import PreviewStyle

from ..exporters.textured_model import Model
from ..geometry.cameras import cropped
from ..geometry.mesh import Mesh
from ..geometry.raycast import Caster
from ..geometry.render import Picture, Shader, render, shaded, textured, wireframe
from ..geometry.rendering import Camera
from ..geometry.scene import Scene
from ..turntable.paths import around, subject_of

SIZE: Final = 1024
SIDES: Final = {
    "front": (0, 0),
    "right": (90, 0),
    "back": (180, 0),
    "left": (-90, 0),
    "top": (0, 90),
    "three-quarter": (35, 25),
}
"""Turn from the front, counter-clockwise from above, and elevation, in degrees."""
SHEET: Final = "previews.png"
_STRIPE: Final = 128
"""Rows that are rendered at once."""
_SMALL, _GAP, _LINE = 256, 8, 22
_PAPER, _INK = (240, 241, 244), (40, 46, 56)


def file_of(style: PreviewStyle, side: str) -> str:
    return f"preview-{style.lower()}-{side}.png"


def write_side_views(
    styles: Sequence[PreviewStyle], model: Model, scene: Scene, folder: Path, advance: Callable[[float], None]
) -> list[str]:
    """Write a picture for each style and side, and a sheet of all; their names. `model` is in world units, z up;
    `advance` hears the share that is done."""
    mesh = model.mesh()
    caster, subject = Caster(mesh), subject_of(scene, mesh.vertices)
    cameras = {side: around(subject, *place, 1.0, (SIZE, SIZE)) for side, place in SIDES.items()}
    pictures: dict[tuple[PreviewStyle, str], Image.Image] = {}
    for style in styles:
        for side, camera in cameras.items():
            advance(len(pictures) / (len(styles) * len(SIDES)))
            picture = Image.fromarray(_rendered(caster, camera, _shader(style, mesh, model, camera)))
            picture.save(folder / file_of(style, side), compress_level=4)
            pictures[style, side] = picture.resize((_SMALL, _SMALL), Image.Resampling.LANCZOS)
    _sheet(styles, pictures).save(folder / SHEET)
    return [*(file_of(*each) for each in pictures), SHEET]


def _shader(style: PreviewStyle, mesh: Mesh, model: Model, camera: Camera) -> Shader:
    match style:
        case PreviewStyle.TEXTURED:
            return textured(mesh, model.uv, model.texture)
        case PreviewStyle.CLAY:
            return shaded(mesh)
        case PreviewStyle.WIREFRAME:
            return wireframe(mesh, camera)


def _rendered(caster: Caster, camera: Camera, shader: Shader) -> Picture:
    """Stripe by stripe, for rays take a hundred bytes each."""
    return np.concatenate([render(caster, stripe, shader) for stripe in _stripes(camera)])


def _stripes(camera: Camera) -> Iterator[Camera]:
    for top in range(0, camera.height, _STRIPE):
        yield cropped(camera, 0, top, camera.width, min(top + _STRIPE, camera.height))


def _sheet(styles: Sequence[PreviewStyle], pictures: dict[tuple[PreviewStyle, str], Image.Image]) -> Image.Image:
    """A row for each style, a column for each side."""
    step = _SMALL + _GAP
    sheet = Image.new("RGB", (len(SIDES) * step + _GAP, _LINE + len(styles) * step + _GAP), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=14)
    for column, side in enumerate(SIDES):
        left = _GAP + column * step
        draw.text((left + _SMALL / 2, _GAP + _LINE / 2), side, _INK, font, anchor="mm")
        for row, style in enumerate(styles):
            small = pictures[style, side]
            sheet.paste(small, (left, _GAP + _LINE + row * step), small)
    return sheet
