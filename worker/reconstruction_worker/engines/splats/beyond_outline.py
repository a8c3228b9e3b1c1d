"""Photos of an object for comparison, without their outline.

An outline matches other outlines although these are other places of the object, and what is beside it is drawn to their
distance.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from ...geometry.scene import View
from .seed_sources import OPAQUE_ENOUGH


@dataclass(frozen=True)
class ViewWithoutOutline(View):
    """A view whose photo is in memory, and continues beyond the object in the object's colours."""

    picture: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 0, 3), np.uint8), repr=False)  # [H, W, 3/4]

    def photo(self) -> NDArray[np.uint8]:
        """[H, W, 3 or 4]"""
        return without_outline(self.picture)


def without_outline(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture with alpha whose pixels beside the object have the colour of its nearest one; others as they are."""
    if picture.shape[2] == 3:
        return picture
    inside = picture[..., 3] >= OPAQUE_ENOUGH
    if inside.all() or not inside.any():
        return picture
    _, labels = cv2.distanceTransformWithLabels(
        (~inside).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    nearest = np.asarray(labels, np.int64)
    of_label = np.zeros((int(nearest.max()) + 1, 3), np.uint8)
    of_label[nearest[inside]] = picture[inside][:, :3]
    return np.dstack([of_label[nearest], picture[..., 3]])
