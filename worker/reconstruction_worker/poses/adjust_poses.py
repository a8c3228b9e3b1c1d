"""Poses that are roughly right, corrected by the points that the photos share (bundle adjustment)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import pycolmap
from numpy.typing import NDArray

from ..geometry.similarity import Similarity
from .native import follow
from .posed_model import PosedModel
from .refine_intrinsics import refine_intrinsics
from .sfm import SEED, Workbench
from .triangulate import model_in_database
from .two_view import confirms_points, tells_intrinsics

ENOUGH_POINTS: Final = 50
"""Points that several photos show below which poses stay as they are."""
HELD_BY: Final = 8
"""Points that a photo must show for its pose to be corrected."""


@dataclass(frozen=True)
class Tolerance:
    """How far rays may miss each other for features to count as one point."""

    share_of_side: float
    """Of the photo's longer side, in the photo."""
    degrees: float


ROUNDS: Final = (Tolerance(0.03, 8.0), Tolerance(0.01, 4.0), Tolerance(0.004, 2.0))
"""At first as far as a network's poses may be off, in the end as far as true ones."""


def adjusted(bench: Workbench, model: PosedModel, database: Path) -> PosedModel | None:
    """The model with corrected poses and the points that its photos' matches in the database show, in the frame and
    scale of the given poses; a photo that shows too few keeps its own. None where there are too few points in all."""
    largest = max(max(camera.width, camera.height) for camera in model.cameras.values())
    current = model_in_database(model, database)
    for number, tolerance in enumerate(ROUNDS):
        bench.say(number / len(ROUNDS), "correcting the cameras by what the photos share")
        folder = bench.scratch / f"adjusted-{database.stem}-{number}"
        folder.mkdir()
        options = _options(current.num_images(), tolerance, largest)
        call = partial(_triangulated, current, database, bench.scratch / "images", folder, options)
        current = follow(call, bench.stop_requested)
        if current.num_points3D() < ENOUGH_POINTS:
            return None
        follow(_without_token(partial(_adjust, current)), bench.stop_requested)
    if tells_intrinsics(current.num_images()):
        current = refine_intrinsics(current)
    return _in_frame_of(model, PosedModel.from_reconstruction(current))


def _options(photos: int, tolerance: Tolerance, largest: int) -> pycolmap.IncrementalPipelineOptions:
    options = pycolmap.IncrementalPipelineOptions()
    options.random_seed = SEED
    pixels = max(4.0, tolerance.share_of_side * largest)
    options.mapper.filter_max_reproj_error = pixels
    found = options.triangulation
    found.create_max_angle_error = found.continue_max_angle_error = tolerance.degrees
    found.merge_max_reproj_error = found.complete_max_reproj_error = pixels
    found.ignore_two_view_tracks = confirms_points(photos)
    return options


def _triangulated(
    current: pycolmap.Reconstruction,
    database: Path,
    images: Path,
    folder: Path,
    options: pycolmap.IncrementalPipelineOptions,
    token: pycolmap.CancellationToken,
) -> pycolmap.Reconstruction:
    return pycolmap.triangulate_points(
        current, database, images, folder, clear_points=True, options=options, cancellation_token=token
    )


def _adjust(current: pycolmap.Reconstruction) -> None:
    options = pycolmap.BundleAdjustmentOptions()
    options.refine_focal_length = options.refine_extra_params = False
    options.print_summary = False
    if options.ceres is not None:
        options.ceres.loss_function_type = pycolmap.LossFunctionType.CAUCHY
    pycolmap.bundle_adjustment(current, options)


def _without_token(call: Callable[[], None]) -> Callable[[pycolmap.CancellationToken], None]:
    return lambda _token: call()


def _in_frame_of(given: PosedModel, found: PosedModel) -> PosedModel | None:
    """`found` moved to where `given` has its cameras, as far as points hold them; the others where they were."""
    order = {shot.name: shot for shot in found.shots}
    aligned = [order[shot.name] for shot in given.shots]
    number = {shot.name: index for index, shot in enumerate(given.shots)}
    shown = np.array([number[found.shots[index].name] for index in found.points.observations[:, 0]], np.int64)
    held = np.bincount(shown, minlength=len(aligned)) >= HELD_BY
    if held.sum() < 2:
        return None
    before = given.poses[held]
    after = np.stack([shot.world_from_camera for shot in aligned])[held]
    moved = found.transformed(_alignment(after, before))
    by_name = {shot.name: shot for shot in moved.shots}
    shots = tuple(
        replace(by_name[shot.name], world_from_camera=shot.world_from_camera) if not keeps else by_name[shot.name]
        for shot, keeps in zip(given.shots, held, strict=True)
    )
    observations = np.stack([shown, found.points.observations[:, 1]], axis=1)
    return replace(moved, shots=shots, points=replace(moved.points, observations=observations))


def _alignment(source: NDArray[np.float64], target: NDArray[np.float64]) -> Similarity:
    """The similarity that takes cameras [N, 4, 4] to others; by how they are turned too, so that two are enough."""
    turns = target[:, :3, :3] @ source[:, :3, :3].transpose(0, 2, 1)
    u, _, vt = np.linalg.svd(turns.sum(axis=0))
    rotation = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
    places, wanted = source[:, :3, 3] @ rotation.T, target[:, :3, 3]
    spread, aim = places - places.mean(axis=0), wanted - wanted.mean(axis=0)
    scale = float(np.sqrt((aim**2).sum() / max((spread**2).sum(), 1e-18)))
    return Similarity(scale, rotation, wanted.mean(axis=0) - scale * places.mean(axis=0))
