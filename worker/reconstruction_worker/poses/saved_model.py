"""The cameras of a finished estimate as a file, so that photos can be added to it later (source.jobRef.addPhotos)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pycolmap
from pydantic import Field

from reconstruction_api.base import ApiModel
from reconstruction_api.documents.base import Document

from ..files import write_document
from .posed_model import PosedModel, Shot, SparsePoints

FILE: Final = "cameras.json"


class SavedCamera(ApiModel):
    """A lens in COLMAP's terms, for the photos as ingest stored them."""

    model: str
    width: int
    height: int
    params: list[float]


class SavedShot(ApiModel):
    """A placed photo, by its name in `ingest/dataset.json`."""

    name: str
    camera: int = Field(ge=0)
    """Index of its lens."""
    world_from_camera: list[list[float]]
    """[4, 4]; the world of transforms.json, axes of the camera as in OpenCV."""


class SavedModel(Document):
    """Content of `poses/cameras.json`."""

    cameras: list[SavedCamera]
    shots: list[SavedShot]


def write_model(folder: Path, model: PosedModel) -> None:
    """The cameras of a model in its final frame."""
    index = {camera_id: number for number, camera_id in enumerate(sorted(model.cameras))}
    cameras = [model.cameras[camera_id] for camera_id in sorted(model.cameras)]
    document = SavedModel(
        cameras=[
            SavedCamera(model=each.model_name, width=each.width, height=each.height, params=each.params.tolist())
            for each in cameras
        ],
        shots=[
            SavedShot(name=shot.name, camera=index[shot.camera_id], world_from_camera=shot.world_from_camera.tolist())
            for shot in model.shots
        ],
    )
    write_document(folder / FILE, document)


def read_model(path: Path) -> PosedModel:
    """The cameras of a file, without points. Raises OSError and ValueError."""
    document = SavedModel.read(path)
    cameras = {
        number: pycolmap.Camera(
            camera_id=number, model=each.model, width=each.width, height=each.height, params=each.params
        )
        for number, each in enumerate(document.cameras, start=1)
    }
    shots = tuple(
        Shot(each.name, each.camera + 1, np.array(each.world_from_camera, np.float64)) for each in document.shots
    )
    return PosedModel(cameras, shots, SparsePoints.none())
