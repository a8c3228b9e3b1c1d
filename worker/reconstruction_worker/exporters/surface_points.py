"""Points on a textured surface, evenly spread, in the texture's colours.

A texture is a picture of the surface with as many texels everywhere: reduced to as many texels as points are wanted,
each texel is one of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..geometry.atlas import Atlas, texels
from ..geometry.mesh import Mesh
from .textured_model import Model


@dataclass(frozen=True)
class Points:
    """Points of a surface."""

    positions: NDArray[np.float32]  # [N, 3]
    normals: NDArray[np.float32]  # [N, 3] unit
    colours: NDArray[np.uint8]  # [N, 3]


def surface_points(model: Model, count: int) -> Points:
    """About `count` points of the model, never more."""
    atlas = Atlas(Mesh(model.vertices.astype(np.float64), model.faces), model.normals, model.uv, 0)
    side = model.texture.shape[0]
    share = len(texels(atlas, min(side, 1024)).index) / min(side, 1024) ** 2
    side = max(1, int(np.sqrt(count / max(share, 1e-6))))
    found = texels(atlas, side)
    while len(found.index) > count:
        side -= max(1, side // 200)
        found = texels(atlas, side)
    averaged = cv2.INTER_AREA if side < model.texture.shape[0] else cv2.INTER_LINEAR
    picture = cv2.resize(model.texture, (side, side), interpolation=averaged)
    return Points(found.points, found.normals, picture.reshape(-1, 3)[found.index].astype(np.uint8))
