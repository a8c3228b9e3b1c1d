"""What the turntable's camera sees: Gaussians, any trained field, or the textured mesh."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.turntable import TurntableRenderer

from ..engines.base import Makes
from ..exporters.textured_model import Model
from ..geometry.mesh_raster import BehindCamera, TexturedMesh
from ..geometry.raycast import Caster
from ..geometry.render import Picture, Shader, over, render, textured
from ..geometry.rendering import Camera, Field

Show = Callable[[Camera], Picture]
"""RGBA [H, W, 4], not premultiplied."""


def renderer_for(spec: ReconstructionJobSpec, makes: Makes) -> TurntableRenderer:
    """What `Auto` stands for, and what is asked for otherwise. Raises InvalidSpec where the engine has no Gaussians."""
    assert spec.turntable is not None
    wanted = spec.turntable.renderer
    if wanted is TurntableRenderer.AUTO:
        return TurntableRenderer.SPLATS if makes is Makes.GAUSSIANS else TurntableRenderer.MESH
    if wanted is TurntableRenderer.SPLATS and makes is not Makes.GAUSSIANS:
        raise ReconstructionError(
            "InvalidSpec",
            f"spec.turntable.renderer is Splats, but the engine {spec.chosen_engine} makes no Gaussians.",
            suggestion="Set spec.turntable.renderer to Mesh or Auto, or use the engine splats.",
        )
    return wanted


def show_field(field: Field) -> Show:
    """As the engine renders it."""

    def show(camera: Camera) -> Picture:
        seen = field.render(camera)
        picture = np.concatenate([seen.rgb, seen.alpha[..., None]], axis=-1)
        return (picture.clip(0, 1) * 255 + 0.5).astype(np.uint8)

    return show


def show_mesh(model: Model) -> Show:
    """With its texture, without lighting; four points a pixel."""
    mesh = model.mesh()
    drawn = TexturedMesh(mesh, model.uv, model.texture)

    @cache
    def rays() -> tuple[Caster, Shader]:
        return Caster(mesh), textured(mesh, model.uv, model.texture)

    def show(camera: Camera) -> Picture:
        try:
            return drawn.draw(camera)
        except BehindCamera:
            return render(rays()[0], camera, rays()[1])

    return show


def on_background(picture: Picture, colour: str) -> Picture:
    """The picture on a colour such as `#f0f0f0`, opaque. RGBA"""
    mixed = over(picture, np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255)
    return np.concatenate([mixed, np.full_like(mixed[..., :1], 255)], axis=-1)
