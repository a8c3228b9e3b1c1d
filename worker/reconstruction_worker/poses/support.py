"""Which photos of a model are held up by what they see.

A photo that sees a handful of points, or points whose rays are all but parallel, can be put anywhere: photos from one
place "register" that way, and so does what shows another scene.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import numpy as np
import pycolmap
from numpy.typing import NDArray

MIN_POINTS: Final = 20
"""Points with a sure position that a photo must see."""
MIN_ANGLE_DEGREES: Final = 1.5
"""Between two rays to a point whose position counts as sure; COLMAP's own threshold when it filters points."""
MIN_SPREAD: Final = 0.02
"""Standard deviation of the points' positions in the photo along their longer axis, relative to its diagonal."""


def remove_unsupported(model: pycolmap.Reconstruction, hold: Collection[str] = ()) -> None:
    """Take out of a model, one round after the other, the photos that do not see enough, but for those named in
    `hold`."""
    held = {image.frame_id for image in model.images.values() if image.name in hold}
    while weak := [frame_id for frame_id in _unsupported(model) if frame_id not in held]:
        for frame_id in weak:
            model.deregister_frame(frame_id)


def _unsupported(model: pycolmap.Reconstruction) -> list[int]:
    """Frames whose photo does not see enough."""
    centres = {image_id: model.image(image_id).projection_center() for image_id in model.reg_image_ids()}
    sure: dict[int, list[NDArray[np.float64]]] = {image_id: [] for image_id in centres}
    for point in model.points3D.values():
        elements = point.track.elements
        images = [element.image_id for element in elements]
        if _widest_angle(point.xyz, np.array([centres[image_id] for image_id in images])) < MIN_ANGLE_DEGREES:
            continue
        for element in elements:
            sure[element.image_id].append(model.image(element.image_id).points2D[element.point2D_idx].xy)
    return [model.image(image_id).frame_id for image_id, seen in sure.items() if not _enough(model, image_id, seen)]


def _enough(model: pycolmap.Reconstruction, image_id: int, seen: list[NDArray[np.float64]]) -> bool:
    if len(seen) < MIN_POINTS:
        return False
    camera = model.camera(model.image(image_id).camera_id)
    pixels = np.array(seen)
    spread = np.linalg.svd(pixels - pixels.mean(axis=0), compute_uv=False)[0] / np.sqrt(len(pixels))
    return bool(spread >= MIN_SPREAD * np.hypot(camera.width, camera.height))


def _widest_angle(xyz: NDArray[np.float64], centres: NDArray[np.float64]) -> float:
    """Degrees between the two rays [N, 3] to a point that differ the most."""
    rays = xyz - centres
    rays /= np.maximum(np.linalg.norm(rays, axis=1, keepdims=True), 1e-12)
    return float(np.degrees(np.arccos(np.clip((rays @ rays.T).min(), -1, 1))))
