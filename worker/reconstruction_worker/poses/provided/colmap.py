"""A COLMAP model beside the photos (`sparse/0/cameras`, `images` and `points3D`, `.txt` or `.bin`): world-to-camera
quaternions and translations with axes as in OpenCV, in a world of any orientation.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pycolmap
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ...ingest.dataset import Dataset, DatasetImage
from ...ingest.pose_files import COLMAP_SUFFIXES, PoseFormat
from ..colmap_cameras import project
from ..lookup import PhotoLookup
from ..posed_model import PosedModel, Shot, SparsePoints
from .colmap_files import CameraEntry, ImageEntry, PointTable, read_cameras, read_images, read_points
from .provided_poses import NEVER, Provided, ShotList
from .turned import PixelFrames, Turn
from .validity import LARGEST_COORDINATE, check_centre, check_focal, check_parallax, check_rays, check_size, invalid

AXES: Final = "world-to-camera with x right, y down, z forward"
TOLERATED_ERROR: Final = 0.01
"""Median distance between where a feature is and where its point should be, relative to the photo's longer side."""
_FEWEST_OBSERVATIONS: Final = 20


def read_colmap(folder: Path, dataset: Dataset, frames: PixelFrames) -> Provided:
    """Poses, cameras and points. Raises InvalidPoses naming file and entry."""
    suffix = next(suffix for suffix in COLMAP_SUFFIXES if (folder / f"images{suffix}").is_file())
    file = f"images{suffix}"
    cameras = read_cameras(folder / f"cameras{suffix}")
    shots, posed = ShotList(), {}
    lookup = PhotoLookup(dataset, file)
    for image in read_images(folder / file):
        photo = lookup.find(image.name, image.where)
        if photo is None:
            continue
        if photo.name in shots:
            raise invalid(file, f"{image.where} names {photo.original.name}, which has a pose already.")
        if image.camera_id not in cameras:
            raise invalid(file, f"{image.where} has camera {image.camera_id}, which cameras{suffix} does not hold.")
        entry = cameras[image.camera_id]
        camera, turn = _camera(entry, photo, f"cameras{suffix}", frames)
        pose = _pose(image, file)
        shots.add(photo.name, camera, turn.pose(pose) if turn else pose)
        posed[photo.name] = (image, entry, turn)
    model = shots.model()
    check_parallax(np.array([shot.world_from_camera[:3, 3] for shot in model.shots]), len(dataset.images), file, AXES)
    if (folder / f"points3D{suffix}").is_file():
        entries = [posed[shot.name] for shot in model.shots]
        model = _with_points(model, entries, read_points(folder / f"points3D{suffix}"), file)
    return Provided(PoseFormat.COLMAP, file, model, z_up_within_degrees=NEVER, axes=AXES)


def _pose(image: ImageEntry, file: str) -> NDArray[np.float64]:
    """World-from-camera [4, 4]."""
    quaternion, translation = np.array(image.rotation), np.array(image.translation)
    if not (np.isfinite(quaternion).all() and np.isfinite(translation).all()):
        raise invalid(file, f"{image.where}: the pose holds a value that is NaN or infinite.")
    length = float(np.abs(quaternion).max()) and float(np.linalg.norm(quaternion))
    if not abs(length - 1) < 0.01:
        raise invalid(file, f"{image.where}: QW QX QY QZ has length {length:.3g}; a rotation has length 1.")
    if np.abs(translation).max() > LARGEST_COORDINATE:
        raise invalid(file, f"{image.where}: TX TY TZ is too far from the origin to be computed with.")
    rotation = Rotation.from_quat(quaternion, scalar_first=True).as_matrix()
    result = np.eye(4)
    result[:3, :3], result[:3, 3] = rotation.T, -rotation.T @ translation
    return result


def _camera(
    entry: CameraEntry, photo: DatasetImage, file: str, frames: PixelFrames
) -> tuple[pycolmap.Camera, Turn | None]:
    """The camera for the photo as it is stored."""
    check_size(entry.width, entry.height, photo, file, entry.where)
    camera = pycolmap.Camera(model=entry.model, width=entry.width, height=entry.height, params=list(entry.params))
    check_focal(camera.mean_focal_length(), "the focal length", entry.width, entry.height, file, entry.where)
    centre = camera.principal_point_x, camera.principal_point_y
    check_centre(*centre, entry.width, entry.height, file, entry.where)
    turn = frames.turn(photo, entry.width, entry.height, file, entry.where)
    stored = turn.before(photo.width, photo.height) if turn else (photo.width, photo.height)
    camera.rescale(*stored)
    check_rays(camera, file, entry.where)
    return (turn.camera(camera) if turn else camera), turn


def _with_points(
    model: PosedModel, entries: Sequence[tuple[ImageEntry, CameraEntry, Turn | None]], points: PointTable, file: str
) -> PosedModel:
    """The model with the points that its shots see. Raises InvalidPoses when they are not where the features are."""
    seen: list[NDArray[np.int64]] = []
    errors: list[NDArray[np.float64]] = []
    for index, (shot, (image, entry, turn)) in enumerate(zip(model.shots, entries, strict=True)):
        rows = np.searchsorted(points.ids, image.point_ids)
        known = (image.point_ids >= 0) & (rows < len(points.ids))
        known[known] = points.ids[rows[known]] == image.point_ids[known]
        rows = rows[known]
        seen.append(np.stack([np.full(len(rows), index), rows], axis=1))
        pixels = image.pixels[known] / [entry.width, entry.height]
        errors.append(_errors(model, shot, points.xyz[rows], pixels, turn))
    observations, error = np.concatenate(seen), np.concatenate(errors)
    if len(observations) < _FEWEST_OBSERVATIONS:
        return model
    longer = max(max(camera.width, camera.height) for camera in model.cameras.values())
    middle = float(np.median(np.where(np.isfinite(error), error, np.inf)))
    if middle > TOLERATED_ERROR * longer:
        away = f"{middle:.1f} pixels away from" if np.isfinite(middle) else "not in front of the camera, let alone at"
        raise invalid(
            file,
            f"the points of this model are {away} the features that show them (at the median); poses must be {AXES}, "
            "and cameras, images and points3D must belong to one model.",
        )
    lengths = np.bincount(observations[:, 1], minlength=len(points.ids))
    used = lengths > 0
    renumbered = np.cumsum(used) - 1
    observations[:, 1] = renumbered[observations[:, 1]]
    sparse = SparsePoints(points.xyz[used], points.rgb[used], lengths[used], observations)
    mean = float(error[np.isfinite(error)].mean())
    return PosedModel(model.cameras, model.shots, sparse, mean)


def _errors(
    model: PosedModel, shot: Shot, xyz: NDArray[np.float64], shares: NDArray[np.float64], turn: Turn | None
) -> NDArray[np.float64]:
    """Distances [N] in pixels of the stored photo; NaN for what is behind the camera. `shares` [N, 2] are positions in
    the file, as shares of its width and height."""
    camera, pose = model.cameras[shot.camera_id], shot.world_from_camera
    expected = project(camera, (xyz - pose[:3, 3]) @ pose[:3, :3])
    stored = turn.before(camera.width, camera.height) if turn else (camera.width, camera.height)
    pixels = shares * stored
    return np.linalg.norm(expected - (turn.pixels(pixels, stored) if turn else pixels), axis=1)
