"""How well the textured mesh, which is what most jobs deliver, shows photos that it was not made from.

Trees, sky and what else has no surface is not the mesh's to show: pixels count where it has one, and their share, the
coverage, is measured beside.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..geometry.atlas import Atlas
from ..geometry.raycast import Caster
from ..geometry.render import render, textured
from ..geometry.scene import View
from . import metrics

FEWEST_PIXELS = 500
"""Pixels that a photo and the mesh must both show for the photo to be compared."""
SHOWN = 128
"""Alpha from which a pixel shows the object, or the mesh."""


@dataclass(frozen=True)
class Shown:
    """One photo beside what the mesh shows of it."""

    name: str
    coverage: float
    """Share of the photo, or of the object in it, that the mesh covers."""
    psnr: float
    ssim: float


def shown_by_mesh(
    atlas: Atlas, texture: NDArray[np.uint8], views: Iterable[View], caster: Caster | None = None
) -> list[Shown]:
    """What the mesh with its `texture` [P S, S, 3] shows of photos; those that it does not show are left out. `caster`
    is of the same triangles."""
    caster = Caster(atlas.mesh) if caster is None else caster
    shader = textured(atlas.mesh, atlas.uv, texture)
    found = []
    for view in views:
        photo = view.photo()
        seen = render(caster, view.camera, shader)
        wanted = photo[..., 3] >= SHOWN
        inside = wanted & (seen[..., 3] >= SHOWN)
        if inside.sum() < FEWEST_PIXELS:
            continue
        picture, reference = seen[..., :3] / 255.0, photo[..., :3] / 255.0
        error = float(((picture - reference)[inside] ** 2).mean())
        picture[~inside] = reference[~inside]
        alike = metrics.ssim_map(picture, reference)
        margin = metrics.WINDOW // 2
        within = inside[margin:-margin, margin:-margin]
        found.append(
            Shown(
                view.name,
                float(inside.sum() / wanted.sum()),
                metrics.decibels(error),
                float(alike[within].mean()) if within.any() else 1.0,
            )
        )
    return found
