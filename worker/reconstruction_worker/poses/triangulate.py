"""Points for cameras whose poses are known, from features that the photos share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import pycolmap
from numpy.typing import NDArray

from reconstruction_api.errors import ReconstructionError

from .native import follow
from .pairs import choose_pairs
from .posed_model import PosedModel
from .provided.provided_poses import Provided
from .sfm import SEED, CameraGroup, FeatureSettings, Workbench, extract, match, overlapping_pairs

MIN_POINTS: Final = 20
"""Points that any usable set of photos with true poses shows."""


def with_points(bench: Workbench, given: Provided, positions: Sequence[NDArray[np.float64] | None]) -> PosedModel:
    """The model with what its photos see, in their given poses. `bench.photos` are those of its shots, in their order;
    `positions` in metres where GPS knows them. Raises InvalidPoses when the photos contradict the poses."""
    model = given.model
    database = bench.scratch / "provided.db"
    extract(bench.part(0.0, 0.4), FeatureSettings(), _groups(model), database)
    match(bench.part(0.4, 0.9), FeatureSettings(), choose_pairs(len(bench.photos), positions).pairs, database)
    bench.say(0.9, "finding points that several photos show")
    folder = bench.scratch / "triangulated"
    folder.mkdir()
    call = partial(_triangulate, _reconstruction(model, database), database, bench.scratch / "images", folder)
    triangulated = PosedModel.from_reconstruction(follow(call, bench.stop_requested))
    _check_agreement(given, len(triangulated.points.xyz), database)
    return replace(
        model,
        points=triangulated.points,
        mean_reprojection_error=triangulated.mean_reprojection_error,
        median_reprojection_error=triangulated.median_reprojection_error,
    )


def _check_agreement(given: Provided, points: int, database: Path) -> None:
    """Raises InvalidPoses when photos overlap in plenty and yet nothing can be seen where the poses say."""
    overlapping = overlapping_pairs(database)
    if points < MIN_POINTS and overlapping >= len(given.model.shots) / 2:
        raise ReconstructionError(
            "InvalidPoses",
            f"{given.file}: the poses contradict the photos: {overlapping} pairs of photos show the same place, but "
            f"only {points} of the points they share can be seen from where they put the cameras. Matrices must be "
            f"{given.axes}.",
            details={"file": given.file, "overlappingPairs": overlapping, "points": points},
        )


def _triangulate(
    reconstruction: pycolmap.Reconstruction,
    database: Path,
    images: Path,
    folder: Path,
    token: pycolmap.CancellationToken,
) -> pycolmap.Reconstruction:
    options = pycolmap.IncrementalPipelineOptions()
    options.random_seed = SEED
    return pycolmap.triangulate_points(
        reconstruction, database, images, folder, options=options, cancellation_token=token
    )


def _groups(model: PosedModel) -> list[CameraGroup]:
    return [
        CameraGroup(
            [shot.name for shot in model.shots if shot.camera_id == camera_id],
            camera.model_name,
            camera.params_to_string(),
        )
        for camera_id, camera in model.cameras.items()
    ]


def _reconstruction(model: PosedModel, database: Path) -> pycolmap.Reconstruction:
    """The model's cameras and poses with the numbers that the database gave them."""
    with pycolmap.Database.open(database) as db:
        entries = {image.name: image for image in db.read_all_images()}
        cameras = db.read_all_cameras()
    result = pycolmap.Reconstruction()
    for camera in cameras:
        result.add_camera_with_trivial_rig(camera)
    for shot in model.shots:
        entry = entries[shot.name]
        image = pycolmap.Image(name=shot.name, camera_id=entry.camera_id, image_id=entry.image_id)
        result.add_image_with_trivial_frame(image, pycolmap.Rigid3d(np.linalg.inv(shot.world_from_camera)[:3]))
    return result
