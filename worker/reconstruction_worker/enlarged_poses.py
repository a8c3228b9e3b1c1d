"""Camera poses of another job, enlarged by added photos (source.jobRef.addPhotos): its cameras stay where they are."""

from __future__ import annotations

import json
import time
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np

from reconstruction_api.documents.registration import FILE as REGISTRATION_FILE
from reconstruction_api.documents.registration import RegistrationDocument
from reconstruction_api.errors import ReconstructionError

from .added_photos import AddedPhotos, read_added
from .files import write_document
from .geometry.local_positions import local_positions
from .geometry.similarity import Similarity
from .ingest.dataset import DatasetImage
from .memory import most_held
from .poses.add_photos import add_photos
from .poses.dataset_photos import read_dataset
from .poses.depth_scale import match_depth
from .poses.feature_photos import for_features, resized
from .poses.gps_agreement import agreement
from .poses.masks import Masks
from .poses.output import World
from .poses.posed_model import PosedModel
from .poses.provided import Share
from .poses.region import find_region, scene_kind
from .poses.registration import Registration, listed
from .poses.saved_model import FILE as MODEL_FILE
from .poses.saved_model import read_model, write_model
from .stage import StageContext, StageOutput
from .stage_files import TRANSFORMS
from .stages import poses

NEEDED: Final = (MODEL_FILE, TRANSFORMS, REGISTRATION_FILE)
"""Files of the other job's stage that the enlarged poses are made from."""
STRATEGY: Final = "added photos"


def enlarge(context: StageContext, other: str) -> StageOutput:
    """Place the added photos into the poses of job `other`, whose needed files are in the stage's folder. Raises
    CheckpointIncompatible where these can't be enlarged and PoseEstimationFailed when no added photo can be placed."""
    start = time.monotonic()
    known, before, transforms = _known(context, other)
    added = read_added(context.workspace)
    photos = read_dataset(context.workspace).with_given_poses().images
    positions = local_positions([photo.gps for photo in photos])
    with poses.scratch_folder(context) as scratch:
        large = for_features(photos)
        enlarged = add_photos(poses.workbench(context, large, scratch), resized(known, large), positions)
    model = resized(enlarged.model, photos)
    registration = Registration.of(before.method or poses.PoseOrigin.STRUCTURE_FROM_MOTION, model, photos)
    _require_added(added, model, photos, registration)
    context.report_progress(poses.ESTIMATED_AT, "comparing the depth maps, where there are any")
    by_name = {photo.name: photo for photo in photos}
    depth = match_depth(context.workspace, context.spec, model, by_name, poses_given=False)
    world = _world(context, model, [by_name[shot.name] for shot in model.shots], transforms)
    write_model(context.folder, model)
    poses.write_results(context, world, photos, _shares(transforms, known), depth)
    deviations = poses.gps_deviations_of(model, photos)
    gps = agreement(model.poses[:, :3, 3], poses.gps_positions_of(model, photos), deviations)
    document = registration.document(model, gps, STRATEGY, [], depth, world.masks.document(by_name))
    took = {
        "seconds": round(time.monotonic() - start, 1),
        "peak_memory_bytes": most_held(),
        "provided_format": before.provided_format,
    }
    write_document(context.folder / REGISTRATION_FILE, document.model_copy(update=took))
    placed = {shot.name for shot in model.shots} & set(added.photos)
    message = f"{len(placed)} of {len(added.photos)} added photos placed beside {len(known.shots)} of job '{other}'"
    if missing := [by_name[name].original.name for name in added.photos if name in by_name and name not in placed]:
        message += f"; not placed: {listed(missing)}"
    return StageOutput(message, poses.metrics_of(registration, model))


def _known(context: StageContext, other: str) -> tuple[PosedModel, RegistrationDocument, dict[str, Any]]:
    """The other job's cameras, what it said of them, and its transforms.json."""
    if not (context.folder / MODEL_FILE).exists():
        raise ReconstructionError(
            "CheckpointIncompatible",
            f"spec.source.jobRef.addPhotos: job '{other}' has no cameras that photos could be added to.",
            suggestion="Its poses must be estimated or read from files, by this release: for one of an earlier release "
            f"raise spec.redo.poses of job '{other}'.",
        )
    before = RegistrationDocument.read(context.folder / REGISTRATION_FILE)
    transforms = json.loads((context.folder / TRANSFORMS).read_text())
    return read_model(context.folder / MODEL_FILE), before, transforms


def _require_added(
    added: AddedPhotos, model: PosedModel, photos: list[DatasetImage], registration: Registration
) -> None:
    """Raises PoseEstimationFailed when none of the added photos was placed."""
    if {shot.name for shot in model.shots} & set(added.photos):
        return
    names = [photo.original.name for photo in photos if photo.name in added.photos]
    raise ReconstructionError(
        "PoseEstimationFailed",
        f"None of the {len(names)} added photos could be placed beside those of job '{added.job}': {listed(names)}.",
        suggestion="Add photos that overlap with the other job's by two thirds, or make a job of all photos.",
        details={"added": len(names), "total": registration.total},
    )


def _world(context: StageContext, model: PosedModel, shown: list[DatasetImage], transforms: dict[str, Any]) -> World:
    """The world of the other job: nothing is turned or scaled. What there is to see may have grown."""
    context.report_progress(poses.ESTIMATED_AT, "finding the scene's extent")
    silhouettes = poses.silhouettes_of(context, shown)
    kind = scene_kind(silhouettes)
    matrix = np.array(transforms["worldFromModel"])
    scale = float(np.cbrt(np.linalg.det(matrix[:3, :3])))
    return World(
        model=model,
        region=find_region(model, kind, silhouettes),
        masks=Masks.of(kind, model, silhouettes),
        world_from_model=Similarity(scale, matrix[:3, :3] / scale, matrix[:3, 3]),
        metres_per_unit=transforms["metresPerUnit"],
        up_from=transforms["upFrom"],
    )


def _shares(transforms: dict[str, Any], known: PosedModel) -> dict[str, Share]:
    """What the other job's photos were meant for by who provided the poses, by the photos' names."""
    name_of = {PurePosixPath(shot.name).stem: shot.name for shot in known.shots}
    return {
        name_of[Path(frame["file_path"]).stem]: Share(frame["split"])
        for frame in transforms["frames"]
        if "split" in frame and Path(frame["file_path"]).stem in name_of
    }
