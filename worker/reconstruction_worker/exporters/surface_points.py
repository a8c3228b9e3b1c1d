"""Points on a textured surface, evenly spread, in the texture's colours.

A texture is a picture of the surface with as many texels everywhere: reduced to as many texels as points are wanted,
each texel is one of them. All pages of a texture are as dense.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..geometry.pages import Pages, page_of
from .textured_model import Model


@dataclass(frozen=True)
class Points:
    """Points of a surface."""

    positions: NDArray[np.float32]  # [N, 3]
    normals: NDArray[np.float32]  # [N, 3] unit
    colours: NDArray[np.uint8]  # [N, 3]


def surface_points(model: Model, count: int) -> Points:
    """About `count` points of the model, never more."""
    atlas, whole = model.atlas(), model.texture.shape[1]
    share = Pages(atlas, min(whole, 1024)).surface_share
    side = max(1, int(np.sqrt(count / max(share * model.pages, 1e-6))))
    found = Pages(atlas, side)
    while found.texels > count:
        side -= max(1, side // 200)
        found = Pages(atlas, side)
    averaged = cv2.INTER_AREA if side < whole else cv2.INTER_LINEAR
    parts = []
    for number, page in enumerate(found):
        picture = cv2.resize(page_of(model.texture, number), (side, side), interpolation=averaged)
        parts.append((page.points, page.normals, picture.reshape(-1, 3)[page.index].astype(np.uint8)))
    return Points(*(np.concatenate(each) for each in zip(*parts, strict=True)))
