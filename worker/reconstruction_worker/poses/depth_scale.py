"""Depth maps in the scale of the poses, and as the next stages read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reconstruction_api.documents.registration import DepthMapUse
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.images import DepthPolicy
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.poses import PoseMethod

from ..ingest.dataset import DatasetImage
from ..ingest.depth import LEFT_OUT, Depth, load_depth
from .colmap_cameras import project
from .posed_model import PosedModel
from .undistort import Undistorter

UNIT: Final = 1e-3
"""World units that 1 means in `poses/depth/`: what nerfstudio's `depth_unit_scale_factor` is unless set otherwise."""
LONGEST_SIDE: Final = 800
"""Pixels of what is stored: distances hardly change from pixel to pixel."""
FEWEST_POINTS: Final = 50
"""Points in front of depth maps that can tell their scale."""
DISAGREEMENT: Final = 0.15
"""Typical error against the points, after scaling, from which depth maps say something else than distances."""


@dataclass(frozen=True)
class DepthFit:
    """How the photos' depth maps relate to the model."""

    units_per_metre: float | None
    """Of the model; None where nothing tells."""
    points: int
    """Places of points in photos that they were compared with; 0 where those were too few."""
    error: float | None
    """Half of the points differ by less from what the scaled maps say, as a share of the distance."""

    @property
    def problem(self) -> str:
        """Why they are not used; empty where they are."""
        if self.units_per_metre is None:
            return "too few points lie in front of them to determine their scale"
        if self.error is not None and self.error > DISAGREEMENT:
            return f"they are typically {100 * self.error:.0f} % off the points that the photos share"
        return ""

    @property
    def usable_scale(self) -> float | None:
        """Units of the model in a metre, where the maps are to be used."""
        return None if self.problem else self.units_per_metre

    def document(self) -> DepthMapUse:
        """As `registration.json` has it."""
        return DepthMapUse(
            used=self.usable_scale is not None,
            units_per_metre=self.units_per_metre,
            points=self.points,
            median_error=round(self.error, 4) if self.error is not None else None,
        )


def match_depth(
    workspace: Path,
    spec: ReconstructionJobSpec,
    model: PosedModel,
    photos: Mapping[str, DatasetImage],
    *,
    poses_given: bool,
) -> DepthFit | None:
    """How the depth maps of the `photos`, by their names, fit the model; None where there are none. Raises DepthInvalid
    where they must fit and don't."""
    if all(photo.depth is None for photo in photos.values()):
        return None
    if spec.poses.method is PoseMethod.CANONICAL_VIEWS:
        _require_whole(photos)
        _require_distance(spec)
    # Who provides poses and depth measures both in metres.
    fit = fit_depth(workspace, model, photos, known_units=1.0 if poses_given else None)
    if fit.problem and spec.images.depth is DepthPolicy.REQUIRED:
        raise ReconstructionError("DepthInvalid", f"The depth maps do not fit the photos: {fit.problem}.")
    return fit


def fit_depth(
    workspace: Path, model: PosedModel, photos: Mapping[str, DatasetImage], known_units: float | None
) -> DepthFit:
    """The scale at which the maps agree with the points that the photos show. Without enough points it is
    `known_units`, the model's units in a metre where those are known."""
    ratios = _ratios(workspace, model, photos)
    if len(ratios) < FEWEST_POINTS:
        return DepthFit(known_units, 0, None)
    scale = float(np.median(ratios))
    return DepthFit(scale, len(ratios), float(np.median(np.abs(np.log(ratios / scale)))))


def _ratios(workspace: Path, model: PosedModel, photos: Mapping[str, DatasetImage]) -> NDArray[np.float64]:
    """Distance in the model over that in the map, for every point in a photo where both are known."""
    found = [np.zeros(0)]
    for index, shot in enumerate(model.shots):
        depth = depth_of(workspace, photos[shot.name])
        points = model.points.observations[model.points.observations[:, 0] == index, 1]
        if depth is None or not len(points):
            continue
        camera, pose = model.cameras[shot.camera_id], shot.world_from_camera
        local = (model.points.xyz[points] - pose[:3, 3]) @ pose[:3, :3]
        local = local[local[:, 2] > 1e-9]
        size = np.array([camera.width, camera.height])
        pixels = np.floor(project(camera, local) * np.array(depth.shape[::-1]) / size)
        inside = ((pixels >= 0) & (pixels < depth.shape[::-1])).all(axis=1)
        column, row = pixels[inside].astype(np.int64).T
        map_says, model_says = depth[row, column], local[inside, 2]
        found.append(model_says[map_says > 0] / map_says[map_says > 0])
    return np.concatenate(found)


def depth_of(workspace: Path, photo: DatasetImage) -> Depth | None:
    """Metres [h, w] of the photo as it was taken, lens distortion and all; None where it has no map."""
    return load_depth(workspace / photo.depth) if photo.depth is not None else None


def write_depth(
    depth: Depth, scale: float, mask: NDArray[np.uint8] | None, undistorter: Undistorter, path: Path
) -> None:
    """Save a map [h, w] in metres as the pinhole camera would see it: a PNG of 16 bits, in thousandths of a world unit,
    of which a metre has `scale`; 0 is unknown, too far to be measured, or not the object of the `mask` [H, W]."""
    pinhole = undistorter.pinhole
    factor = min(1.0, LONGEST_SIDE / max(pinhole.width, pinhole.height))
    width, height = max(1, round(pinhole.width * factor)), max(1, round(pinhole.height * factor))
    column, row = np.meshgrid(
        (np.arange(width) + 0.5) * pinhole.width / width, (np.arange(height) + 0.5) * pinhole.height / height
    )
    x, y, (photo_width, photo_height) = undistorter.pixels(column, row)
    inside = (x >= 0) & (x < photo_width) & (y >= 0) & (y < photo_height)
    x, y = np.where(inside, x, 0), np.where(inside, y, 0)
    values = depth[_indices(y, photo_height, depth.shape[0]), _indices(x, photo_width, depth.shape[1])]
    if mask is not None:
        inside &= mask[_indices(y, photo_height, mask.shape[0]), _indices(x, photo_width, mask.shape[1])] >= 128
    steps = np.round(values.astype(np.float64) * scale / UNIT)
    steps[~inside | (steps > np.iinfo(np.uint16).max)] = 0
    Image.fromarray(steps.astype(np.uint16)).save(path)


def _require_whole(photos: Mapping[str, DatasetImage]) -> None:
    """Raises DepthInvalid where some of the photos have a depth map and others don't."""
    without = [photo.original.name for photo in photos.values() if photo.depth is None]
    if without and len(without) < len(photos):
        notes = [note for photo in photos.values() for note in photo.notes if note.startswith(LEFT_OUT)]
        because = f" ({notes[0].removeprefix(LEFT_OUT).rstrip('.')})" if notes else ""
        raise ReconstructionError(
            "DepthInvalid",
            f"spec.poses.method CanonicalViews takes six depth maps or none; {', '.join(without)} "
            f"{'has' if len(without) == 1 else 'have'} none that can be used{because}.",
            details={"file": without[0]},
        )


def _require_distance(spec: ReconstructionJobSpec) -> None:
    if spec.poses.camera_distance_millimetres is None:
        raise ReconstructionError(
            "DepthInvalid",
            "spec.poses.method CanonicalViews with depth maps needs cameraDistanceMillimetres: nothing else determines "
            "how far the object is.",
            suggestion="Set spec.poses.cameraDistanceMillimetres, or spec.images.depth to None.",
        )


def _indices(coordinates: NDArray[np.float64], size: int, pixels: int) -> NDArray[np.int64]:
    """The pixels that coordinates along a photo's side of `size` fall into, in a picture of it with `pixels`."""
    return np.clip(coordinates * pixels / size, 0, pixels - 1).astype(np.int64)
