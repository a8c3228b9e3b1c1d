"""Poses and depth of a few photos in one pass of a neural network, corrected by what the photos share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pycolmap
from numpy.typing import NDArray
from PIL import Image

from reconstruction_api.documents.registration import FeedForwardUse
from reconstruction_api.errors import ReconstructionError

from ..files import empty_folder
from ..ingest.dataset import DatasetImage
from ..stage import Stopped
from . import learned_features
from .adjust_poses import adjusted
from .dataset_photos import read_mask
from .depth_scale import fit_depth
from .geometry_network import GeometryNetwork, SeenGeometry
from .match_learned import match_learned
from .network_pictures import Frame, frames_of
from .pairs import all_pairs
from .posed_model import PosedModel, Shot, SparsePoints
from .sfm import CAMERA_MODEL, MASK_MARGIN, FeatureSettings, Workbench, camera_groups, extract, match, write_pictures
from .triangulate import groups_of

UNSURE: Final = 0.1
"""Share of each picture, the least sure pixels, whose depth is left out."""
FEW_POINTS: Final = 1000
"""Points below which those of the network's depth are added: the scene's extent follows from them."""
SAMPLES: Final = 4000
"""Points that are added, in all photos together."""


@dataclass(frozen=True)
class FeedForward:
    """What came of it."""

    model: PosedModel
    photos: list[DatasetImage]
    """Those of the bench; where none of them brings a depth map, with the network's, in units of the model."""
    use: FeedForwardUse


def feed_forward(bench: Workbench, network: GeometryNetwork, maps: Path) -> FeedForward:
    """All photos of the bench, posed; the network's depth maps are written to the folder `maps`, below the workspace.
    Raises PoseEstimationFailed where what the network says can't be, and Stopped."""
    frames = frames_of([(photo.width, photo.height) for photo in bench.photos], network.long_side)
    bench.say(0.0, f"{network.name} looks at {len(frames)} photos")
    seen = _looked(bench, network, frames)
    photos = _with_depth(bench, seen, frames, maps)
    given = _model(bench.photos, seen, frames, with_exif=False)
    corrected, features = _corrected(bench.part(0.5, 1.0), seen, frames, photos)
    model = corrected or given
    tracks = len(model.points.xyz)
    if tracks < FEW_POINTS:
        model = replace(model, points=_with_samples(bench.workspace, model, photos))
    use = FeedForwardUse(
        network=network.name,
        width=frames[0].shown[0],
        height=frames[0].shown[1],
        cropped=[p.original.name for p, frame in zip(photos, frames, strict=True) if frame.shown_share < 1],
        corrected_by=features if corrected is not None else None,
        shared_points=tracks if corrected is not None else 0,
    )
    return FeedForward(model, photos, use.model_copy(update={"metric": True}) if seen.metric else use)


def caution_of(use: FeedForwardUse) -> str:
    """What to keep in mind of such poses."""
    scale = "the scale is arbitrary unless GPS or a known distance gives it"
    if use.metric:
        scale = "the scale is the network's estimate unless GPS or a known distance gives it"
    if use.corrected_by is None:
        return f"nothing but the network {use.network} says where the photos were taken: too few points are shared"
    return f"the network {use.network} saw the poses, {use.shared_points} shared points have corrected them; {scale}"


def _looked(bench: Workbench, network: GeometryNetwork, frames: Sequence[Frame]) -> SeenGeometry:
    if bench.stop_requested():
        raise Stopped
    images, _ = write_pictures(bench)
    pictures = []
    for photo, frame in zip(bench.photos, frames, strict=True):
        with Image.open(images / photo.name) as file:
            pictures.append(frame.picture(np.asarray(file.convert("RGB"))))
    known = [frame.focal_of_picture(p.focal_pixels) for p, frame in zip(bench.photos, frames, strict=True)]
    seen = network.look(np.stack(pictures), np.stack(known))
    if bench.stop_requested():
        raise Stopped
    if not seen.sane:
        raise ReconstructionError(
            "PoseEstimationFailed",
            f"{network.name} sees no cameras in these {len(frames)} photos: some of its numbers are NaN or "
            "infinite, or a focal length is not above 0.",
            suggestion="Take photos that overlap by two thirds, and set spec.poses.method to Auto.",
        )
    return seen


def _with_depth(bench: Workbench, seen: SeenGeometry, frames: Sequence[Frame], maps: Path) -> list[DatasetImage]:
    """Maps that come with photos are measured: where there is one, none of the network's counts."""
    if any(photo.depth is not None for photo in bench.photos):
        return list(bench.photos)
    empty_folder(maps)
    photos = []
    for index, (photo, frame) in enumerate(zip(bench.photos, frames, strict=True)):
        confidence = seen.confidence[index]
        depth = np.where(confidence >= np.quantile(confidence, UNSURE, method="lower"), seen.depth[index], 0)
        path = maps / f"{photo.name}.npy"
        np.save(path, frame.of_photo(np.maximum(depth, 0).astype(np.float32)))
        photos.append(photo.model_copy(update={"depth": path.relative_to(bench.workspace).as_posix()}))
    return photos


def _model(
    photos: Sequence[DatasetImage], seen: SeenGeometry, frames: Sequence[Frame], *, with_exif: bool
) -> PosedModel:
    """The cameras as the network sees them. Photos that may be from one lens share it."""
    order = {photo.name: index for index, photo in enumerate(photos)}
    cameras, shots = dict[int, pycolmap.Camera](), list[Shot]()
    for number, group in enumerate(camera_groups(photos), start=1):
        members = [order[name] for name in group.names]
        photo = photos[members[0]]
        focal = float(np.median([frames[index].focal(seen.focal[index]) for index in members]))
        if with_exif and photo.focal_pixels:
            focal = photo.focal_pixels
        parameters = [focal, photo.width / 2, photo.height / 2, 0.0]
        cameras[number] = pycolmap.Camera(
            model=CAMERA_MODEL, width=photo.width, height=photo.height, params=parameters, camera_id=number
        )
        shots += [Shot(photos[index].name, number, seen.world_from_camera[index]) for index in members]
    return PosedModel(cameras, tuple(sorted(shots, key=lambda shot: shot.name)), SparsePoints.none())


def _corrected(
    bench: Workbench, seen: SeenGeometry, frames: Sequence[Frame], photos: Sequence[DatasetImage]
) -> tuple[PosedModel | None, str]:
    """With poses corrected by features that the photos share, and which; None where too few do, or where they and the
    network's depth contradict each other."""
    given = _model(bench.photos, seen, frames, with_exif=True)
    by_name = {photo.name: photo for photo in photos}
    kinds = ["SIFT", *(["ALIKED"] if learned_features.installed() else [])]
    for number, kind in enumerate(kinds):
        part = bench.part(number / len(kinds), (number + 1) / len(kinds))
        database = bench.scratch / f"feed-forward-{kind}.db"
        if kind == "SIFT":
            extract(part.part(0.0, 0.4), FeatureSettings(), groups_of(given), database)
            match(part.part(0.4, 0.6), FeatureSettings(), all_pairs(len(bench.photos)).pairs, database)
        else:
            match_learned(part.part(0.0, 0.6), groups_of(given), database)
        found = adjusted(part.part(0.6, 1.0), given, database)
        if found is not None and not fit_depth(bench.workspace, found, by_name, known_units=1.0).problem:
            return found, kind
    return None, ""


def _with_samples(workspace: Path, model: PosedModel, photos: Sequence[DatasetImage]) -> SparsePoints:
    """The model's points, and some that depth maps show; these are in one photo each."""
    by_name = {photo.name: photo for photo in photos}
    scale = fit_depth(workspace, model, by_name, known_units=1.0).usable_scale or 1.0
    xyz, rgb, shots = [model.points.xyz], [model.points.rgb], list[NDArray[np.int64]]()
    for index, shot in enumerate(model.shots):
        sampled = _sampled(workspace, by_name[shot.name], model.cameras[shot.camera_id], SAMPLES // len(model.shots))
        if sampled is None:
            continue
        local, colours = sampled
        xyz.append(scale * local @ shot.world_from_camera[:3, :3].T + shot.world_from_camera[:3, 3])
        rgb.append(colours)
        shots.append(np.full(len(local), index, np.int64))
    known = model.points
    added = np.concatenate(shots) if shots else np.zeros(0, np.int64)
    numbers = np.arange(len(added)) + len(known.xyz)
    return SparsePoints(
        xyz=np.concatenate(xyz),
        rgb=np.concatenate(rgb),
        track_lengths=np.concatenate([known.track_lengths, np.ones(len(added), np.int64)]),
        observations=np.concatenate([known.observations, np.stack([added, numbers], axis=1)]),
    )


def _sampled(
    workspace: Path, photo: DatasetImage, camera: pycolmap.Camera, count: int
) -> tuple[NDArray[np.float64], NDArray[np.uint8]] | None:
    """Places [S, 3] that the photo's depth map shows, in the camera's frame, and their colours; None without a map."""
    if photo.depth is None:
        return None
    depth = np.load(workspace / photo.depth, allow_pickle=False)
    height, width = depth.shape
    with Image.open(workspace / photo.file) as file:
        colours = np.asarray(file.convert("RGB").resize((width, height)))
    mask = read_mask(workspace, photo)
    if mask is not None:
        depth = np.where(np.asarray(Image.fromarray(mask).resize((width, height))) >= MASK_MARGIN, depth, 0)
    row, column = np.nonzero(depth > 0)
    chosen = np.linspace(0, len(row) - 1, min(count, len(row))).astype(int)
    row, column = row[chosen], column[chosen]
    pixels = np.stack([(column + 0.5) * camera.width / width, (row + 0.5) * camera.height / height], axis=1)
    rays = np.array([camera.cam_from_img(pixel) for pixel in pixels]).reshape(-1, 2)
    z = depth[row, column].astype(np.float64)
    return np.concatenate([rays * z[:, None], z[:, None]], axis=1), colours[row, column]
