"""Poses: where each photo was taken from, in an upright, normalised world, and the photos without distortion."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reconstruction_api.documents.registration import FILE as REGISTRATION_FILE
from reconstruction_api.documents.registration import FeedForwardUse, PoseOrigin, RegistrationDocument
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.images import DepthPolicy
from reconstruction_api.metric_names import Metric
from reconstruction_api.poses import PoseMethod
from reconstruction_api.stages import StageName
from reconstruction_api.weights import Network

from ..disk_space import is_full
from ..engines.registry import available, engine_spec
from ..engines.requirements import check_job
from ..files import empty_folder, write_document
from ..geometry.gps_accuracy import deviations_of
from ..geometry.local_positions import local_positions
from ..ingest.control_points import FILE as CONTROL
from ..ingest.control_points import read_control_points
from ..ingest.dataset import Dataset, DatasetImage
from ..ingest.pose_files import FOLDER as PROVIDED_FOLDER
from ..memory import most_held
from ..poses.canonical import canonical_poses
from ..poses.choose_network import check_network, check_photos, load, why_none
from ..poses.dataset_photos import read_dataset, read_mask
from ..poses.depth_scale import DepthFit, match_depth
from ..poses.estimate import NoPoses, estimate_poses
from ..poses.feature_photos import for_features, resized
from ..poses.feed_forward import caution_of, feed_forward
from ..poses.georeference import FILE as GEOREFERENCE_FILE
from ..poses.georeference import by_control, georeference
from ..poses.gimbals import up_from_gimbals
from ..poses.gps_agreement import agreement
from ..poses.gps_priors import GpsPosition
from ..poses.ground_control import ControlFit, GroundControl, fit_control
from ..poses.mapping import MapperSettings
from ..poses.output import UNPOSED, Pictures, World, write_observations, write_points, write_transforms
from ..poses.pairs import Pairing
from ..poses.posed_model import PosedModel, SparsePoints
from ..poses.provided import Provided, Share, provided_format, read_provided
from ..poses.provided.provided_poses import NEVER
from ..poses.registration import Registration
from ..poses.saved_model import write_model
from ..poses.sfm import FeatureSettings, Workbench
from ..poses.silhouettes import Silhouette
from ..poses.strategies import Strategy
from ..poses.triangulate import with_points
from ..poses.try_strategies import Attempt, strategies_left_out
from ..poses.two_view import caution
from ..poses.undistorted_pictures import write_pictures
from ..poses.world import settle
from ..stage import StageContext, StageOutput, Stopped
from ..stage_files import OBSERVATIONS, POINTS

SEEN_DEPTH = ".seen-depth"
"""Folder of a network's depth maps, while the stage runs."""
NONE_HELD_OUT_UP_TO = 10
"""Photos of which none can be missed, where a network saw their poses."""
FEED_FORWARD = Strategy("feed-forward", FeatureSettings(tag="feed-forward"), MapperSettings())
ESTIMATED_AT = 90.0
"""Percentage at which the poses are known; the rest is writing pictures."""

DOCUMENT = RegistrationDocument


def run(context: StageContext) -> StageOutput:
    """Estimate or read poses. Raises PoseEstimationFailed, LowRegistration, InvalidPoses or DepthInvalid."""
    start = time.monotonic()
    dataset = read_dataset(context.workspace)
    if context.spec.poses.method is PoseMethod.NONE:
        return _without_poses(context, len(dataset.images))
    provided = _provided(context, dataset)
    everything = len(dataset.images)
    if provided is not None:
        dataset = dataset.with_given_poses()
    photos = dataset.images
    try:
        with scratch_folder(context) as scratch:
            posed = _posed(context, dataset, scratch, provided)
    except NoPoses as none:
        _write_failed(context, photos, none.attempts)
        raise none.error from none
    model, attempts, strategy, use = posed.model, posed.attempts, posed.strategy, posed.use
    if context.spec.images.depth is not DepthPolicy.NONE:
        photos = posed.photos  # with a network's depth maps, where one saw them
    registration = Registration.of(_method(provided, use), model, photos, provided.format if provided else None)
    write_document(  # what there is to look at where that is not enough
        context.folder / REGISTRATION_FILE, registration.document(model, None, strategy, attempts, None, None)
    )
    registration.require(context.spec.poses.min_registered_percent, attempts)
    gps_positions = gps_positions_of(model, photos)
    context.report_progress(ESTIMATED_AT, "comparing the depth maps, where there are any")
    by_name = {photo.name: photo for photo in photos}
    in_units = provided is not None or use is not None
    depth = match_depth(context.workspace, context.spec, model, by_name, poses_given=in_units)
    measured = depth if use is None or not (context.folder / SEEN_DEPTH).exists() else None
    seen_metres = 1.0 if use is not None and use.metric else None
    world = _world(context, model, photos, gps_positions, provided, measured, seen_metres)
    control = _ground_control(context, model, by_name)
    if control.found is not None:
        world = replace(world, metres_per_unit=control.found.metres_from_model.scale / world.scale)
    few = use is not None and len(photos) <= NONE_HELD_OUT_UP_TO
    write_results(context, world, photos, provided.shares if provided else {}, depth, control.found, few=few)
    shutil.rmtree(context.folder / SEEN_DEPTH, ignore_errors=True)
    if _can_grow(provided, use):
        write_model(context.folder, world.model)
    gps = agreement(model.poses[:, :3, 3], gps_positions, gps_deviations_of(model, photos))
    document = registration.document(model, gps, strategy, attempts, depth, world.masks.document(by_name))
    if use is not None:
        document = document.model_copy(update={"feed_forward": use, "caution": caution_of(use)})
    elif provided is None and (note := caution(photos)):
        document = document.model_copy(update={"caution": note})
    took = {"seconds": round(time.monotonic() - start, 1), "peak_memory_bytes": most_held()}
    write_document(context.folder / REGISTRATION_FILE, document.model_copy(update=took))
    notes = [
        registration.summary(gps, strategy, attempts),
        document.caution,
        world.masks.summary(by_name),
        control.note,
    ]
    if registration.unregistered:
        notes.append(strategies_left_out(attempts))
    if provided is not None and (unnamed := everything - len(photos)):
        notes.append(f"{unnamed} more photos are not used: {provided.file} does not name them")
    if depth is not None and depth.problem:
        notes.append(f"depth maps left out: {depth.problem}")
    return StageOutput("; ".join(note for note in notes if note), metrics_of(registration, model))


def _write_failed(context: StageContext, photos: list[DatasetImage], attempts: list[Attempt]) -> None:
    """`registration.json` where no photo could be placed: what was tried, and what it found."""
    model = PosedModel({}, (), SparsePoints.none())
    registration = Registration.of(PoseOrigin.STRUCTURE_FROM_MOTION, model, photos)
    document = registration.document(model, None, None, attempts, None, None)
    write_document(context.folder / REGISTRATION_FILE, document)


@contextmanager
def scratch_folder(context: StageContext) -> Iterator[Path]:
    """For the photos' features; removed at the end. Raises DiskFull in place of what comes of a full disk."""
    scratch = context.folder / ".sfm"
    empty_folder(scratch)
    try:
        yield scratch
    except Stopped:
        raise
    except Exception as error:
        if is_full(scratch):  # before what fills it is removed
            raise ReconstructionError(
                "DiskFull", f"Stage {context.name} could not write the photos' features: no space left."
            ) from error
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def metrics_of(registration: Registration, model: PosedModel) -> dict[str, str | int]:
    """Numbers for status.metrics."""
    metrics: dict[str, str | int] = {
        Metric.IMAGES: registration.total,
        Metric.REGISTERED_IMAGES: registration.registered,
    }
    if model.mean_reprojection_error is not None:
        metrics[Metric.REPROJECTION_ERROR] = f"{model.mean_reprojection_error:.3f}"
    return metrics


def _without_poses(context: StageContext, photos: int) -> StageOutput:
    """What the next stages read where no pose is wanted. Raises InvalidSpec for an engine that needs poses."""
    for engine in context.spec.all_engines:
        if engine in available():
            check_job(context.spec, engine_spec(engine))
    write_transforms(context.folder, UNPOSED, Pictures(), {}, {}, can_hold_out=False)
    document = RegistrationDocument(method=PoseOrigin.NONE, registered=0, total=photos, unregistered=[])
    write_document(context.folder / REGISTRATION_FILE, document)
    metrics: dict[str, str | int] = {Metric.IMAGES: photos, Metric.REGISTERED_IMAGES: 0}
    return StageOutput("no poses: spec.poses.method is None", metrics)


@dataclass(frozen=True)
class _Posed:
    """The model, what was tried to get it, and what succeeded."""

    model: PosedModel
    photos: list[DatasetImage]
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    strategy: str | None = None
    use: FeedForwardUse | None = None
    """Where a network saw it."""


def _posed(context: StageContext, dataset: Dataset, scratch: Path, provided: Provided | None) -> _Posed:
    if context.spec.poses.method is PoseMethod.FEED_FORWARD:
        check_photos(len(dataset.images))
        return _in_one_pass(context, workbench(context, dataset.images, scratch), check_network(), [])
    if provided is None:
        return _estimated(context, dataset.images, scratch)
    if provided.format is None:
        # Sides of a cube share no points, and those of an object that looks alike from several sides only seem to.
        return _Posed(provided.model, dataset.images)
    by_name = {photo.name: photo for photo in dataset.images}
    shown = [by_name[shot.name] for shot in provided.model.shots]
    return _Posed(with_points(workbench(context, shown, scratch), provided), dataset.images)


def _estimated(context: StageContext, photos: list[DatasetImage], scratch: Path) -> _Posed:
    """By structure from motion. Where that places too few photos, and nobody has asked for it alone, in one pass of a
    network, if one may look at them."""
    required = context.spec.poses.min_registered_percent / 100
    alone = context.spec.poses.method is PoseMethod.STRUCTURE_FROM_MOTION
    bench = workbench(context, for_features(photos), scratch)
    missing = "" if alone else why_none(len(photos))
    left_out = [Attempt(FEED_FORWARD, Pairing.EXHAUSTIVE, left_out=missing)] if missing else []
    try:
        estimate = estimate_poses(bench.part(0.0, 1.0 if alone or missing else 0.9), required)
    except NoPoses as none:
        if alone or missing:
            raise NoPoses(none.error, [*none.attempts, *left_out]) from none
        attempts = none.attempts
    else:
        attempts, placed = estimate.attempts, len(estimate.model.shots)
        if alone or missing or placed >= required * len(photos):
            attempts += left_out if placed < required * len(photos) else []
            return _Posed(resized(estimate.model, photos), photos, attempts, estimate.best.strategy.name)
    return _in_one_pass(context, replace(bench.part(0.9, 1.0), photos=photos), check_network(), attempts)


def _in_one_pass(context: StageContext, bench: Workbench, network: Network, before: list[Attempt]) -> _Posed:
    began = time.monotonic()
    empty_folder(folder := bench.scratch / "feed-forward")
    found = feed_forward(replace(bench, scratch=folder), load(network), context.folder / SEEN_DEPTH)
    attempt = Attempt(
        FEED_FORWARD,
        Pairing.EXHAUSTIVE,
        seconds=time.monotonic() - began,
        registered=len(found.model.shots),
        points=found.use.shared_points,
    )
    return _Posed(found.model, found.photos, [*before, attempt], FEED_FORWARD.name, found.use)


def workbench(context: StageContext, photos: list[DatasetImage], scratch: Path) -> Workbench:
    """Whose progress is that of the stage up to `ESTIMATED_AT`."""
    reached = 0.0

    def say(done: float, message: str) -> None:
        nonlocal reached  # a mapper that starts over with other photos must not take progress back
        reached = max(reached, done)
        context.report_progress(reached * ESTIMATED_AT, message)

    return Workbench(context.workspace, scratch, photos, say, context.stop_requested)


def _can_grow(provided: Provided | None, use: FeedForwardUse | None) -> bool:
    """Whether photos can be added later: sides of a cube share no points with any other photo, and what a network alone
    has seen shares none with any."""
    if use is not None:
        return use.corrected_by is not None
    return provided is None or provided.format is not None


def _method(provided: Provided | None, use: FeedForwardUse | None) -> PoseOrigin:
    if use is not None:
        return PoseOrigin.FEED_FORWARD
    if provided is None:
        return PoseOrigin.STRUCTURE_FROM_MOTION
    return PoseOrigin.CANONICAL_VIEWS if provided.format is None else PoseOrigin.PROVIDED


def _provided(context: StageContext, dataset: Dataset) -> Provided | None:
    """The poses beside the photos or given by their names, where the job wants them. Raises InvalidPoses when they are
    asked for and not there, or can't be used; ImageCountOutOfRange when the six sides are not six photos."""
    method = context.spec.poses.method
    if method is PoseMethod.CANONICAL_VIEWS:
        return canonical_poses(dataset, context.spec.poses)
    folder = context.of(StageName.INGEST) / PROVIDED_FOLDER
    if method in (PoseMethod.STRUCTURE_FROM_MOTION, PoseMethod.FEED_FORWARD):
        return None
    if provided_format(folder) is None:
        if method is PoseMethod.PROVIDED:
            raise ReconstructionError(
                "InvalidPoses",
                "spec.poses.method is Provided, but there are no camera poses beside the photos.",
                suggestion="Add transforms.json, a COLMAP model (sparse/0) or another of the files in docs/poses.md, "
                "or set spec.poses.method to Auto.",
            )
        return None
    return read_provided(folder, dataset.with_given_poses())


def _ground_control(context: StageContext, model: PosedModel, photos: Mapping[str, DatasetImage]) -> ControlFit:
    """What measured points on the ground say, where the source has a list of them. `photos` by their stored names."""
    names = [photo.original.name for photo in photos.values()]
    control = read_control_points(context.of(StageName.INGEST) / CONTROL, names)
    if not control.points:
        return ControlFit(None, control.problem)
    return fit_control(model, photos, control.points)


def gps_positions_of(model: PosedModel, photos: list[DatasetImage]) -> list[GpsPosition]:
    """Where GPS says that the model's shots were taken."""
    by_name = {photo.name: photo for photo in photos}
    return local_positions([by_name[shot.name].gps for shot in model.shots])


def gps_deviations_of(model: PosedModel, photos: list[DatasetImage]) -> NDArray[np.float64]:
    """Standard deviations [N, 3] of these positions, in metres."""
    by_name = {photo.name: photo for photo in photos}
    return deviations_of([by_name[shot.name].gps_deviation for shot in model.shots])


def _world(
    context: StageContext,
    model: PosedModel,
    photos: list[DatasetImage],
    gps_positions: list[GpsPosition],
    provided: Provided | None,
    depth: DepthFit | None,
    seen_metres: float | None,
) -> World:
    """`seen_metres` is the length of the model's unit by a network's estimate: it counts where nothing else tells."""
    context.report_progress(ESTIMATED_AT, "finding the scene's orientation and extent")
    by_name = {photo.name: photo for photo in photos}
    shown = [by_name[shot.name] for shot in model.shots]
    silhouettes = silhouettes_of(context, shown)
    metres = provided.metres_per_unit if provided is not None else None
    if metres is None and depth is not None and context.spec.images.depth_unit_micrometres is not None:
        metres = 1 / depth.usable_scale if depth.usable_scale is not None else None
    metres = metres or seen_metres
    z_up_within = provided.z_up_within_degrees if provided is not None else NEVER
    deviations, up = gps_deviations_of(model, photos), up_from_gimbals(model.poses, shown)
    return settle(model, silhouettes, gps_positions, z_up_within, metres, context.spec.poses.up, deviations, up)


def silhouettes_of(context: StageContext, photos: Sequence[DatasetImage]) -> list[Silhouette | None]:
    """Of the photos' masks, None without one."""
    masks = (read_mask(context.workspace, photo) for photo in photos)
    return [Silhouette.of(mask) if mask is not None else None for mask in masks]


def write_results(
    context: StageContext,
    world: World,
    photos: list[DatasetImage],
    shares: Mapping[str, Share],
    depth: DepthFit | None,
    control: GroundControl | None = None,
    *,
    few: bool = False,
) -> None:
    """The undistorted pictures and depth maps, then what refers to them. `control` is of the model before it was
    settled; of `few` photos none can be missed."""
    total = len(world.model.shots)

    def written(count: int) -> None:
        if context.stop_requested():
            raise Stopped
        percent = ESTIMATED_AT + (100 - ESTIMATED_AT) * count / total
        context.report_progress(percent, f"undistorted {count} of {total} photos")

    by_name = {photo.name: photo for photo in photos}
    scale = depth.usable_scale if depth is not None else None
    pictures = write_pictures(context.workspace, context.folder, world, by_name, scale, written)
    write_points(context.folder / POINTS, world.model.points)
    write_observations(context.folder / OBSERVATIONS, world.model.points)
    exposures = {photo.name: photo.exposure for photo in photos if photo.exposure is not None}
    can_hold_out = context.spec.poses.method is not PoseMethod.CANONICAL_VIEWS and not few
    gps = [by_name[shot.name].gps for shot in world.model.shots]
    deviations = gps_deviations_of(world.model, photos)
    place = by_control(world, control) if control is not None else georeference(world, gps, deviations)
    if place is not None:
        write_document(context.folder / GEOREFERENCE_FILE, place)
    write_transforms(context.folder, world, pictures, shares, exposures, can_hold_out, place)
