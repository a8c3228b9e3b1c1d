"""Photos in the size in which features are found, and cameras in the size that they were found in or are used in.

Cameras are estimated from photos of up to 1600 pixels, however small the job wants those it trains on: the smaller ones
have less in common. All that leaves the stage is in the pixels of the photos that are trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pycolmap

from ..ingest.dataset import DatasetImage
from .posed_model import PosedModel


def for_features(photos: Sequence[DatasetImage]) -> list[DatasetImage]:
    """The photos with the files and sizes of their larger copies, where there are any. Masks stay as they are:
    `read_mask` gives them the photo's size."""
    return [_larger(photo) for photo in photos]


def _larger(photo: DatasetImage) -> DatasetImage:
    copy = photo.larger
    if copy is None:
        return photo
    factor = copy.width / photo.width
    focal = None if photo.focal_pixels is None else photo.focal_pixels * factor
    return photo.model_copy(
        update={"file": copy.file, "width": copy.width, "height": copy.height, "focal_pixels": focal}
    )


def resized(model: PosedModel, photos: Sequence[DatasetImage]) -> PosedModel:
    """The model with cameras for photos of another size, but of the same shape; errors are in their pixels too."""
    sizes = {photo.name: (photo.width, photo.height) for photo in photos}
    cameras = _resized(model, sizes)
    factors = [sizes[shot.name][0] / model.cameras[shot.camera_id].width for shot in model.shots]
    if all(factor == 1 for factor in factors):
        return model
    factor = float(np.mean(factors))
    errors = model.mean_reprojection_error, model.median_reprojection_error
    mean, median = (None if error is None else error * factor for error in errors)
    return replace(model, cameras=cameras, mean_reprojection_error=mean, median_reprojection_error=median)


def _resized(model: PosedModel, sizes: Mapping[str, tuple[int, int]]) -> dict[int, pycolmap.Camera]:
    cameras: dict[int, pycolmap.Camera] = {}
    for shot in model.shots:
        if shot.camera_id not in cameras:
            camera = pycolmap.Camera(model.cameras[shot.camera_id].todict())
            camera.rescale(*sizes[shot.name])
            cameras[shot.camera_id] = camera
    return cameras
