"""Features of photos whose cameras are known, found and compared in a fraction of the time that COLMAP takes.

OpenCV finds them (SIFT, Lowe 2004), and which of two photos' most similar ones can show the same place, the cameras
say: no geometry has to be guessed from the matches. That is exact enough for points to train from. Where poses are in
doubt, COLMAP's features decide (triangulate.py).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import pycolmap
from numpy.typing import NDArray

from ..cpus import available_cpus
from .colmap_cameras import rays
from .epipolar import essential_matrix
from .pairs import Pair
from .posed_model import PosedModel
from .sfm import MIN_INLIERS, Workbench, visible, write_pictures
from .similar_features import most_similar

SIDE_PIXELS: Final = 640
"""Longer side to which photos are made smaller; features are looked for at twice that size too."""
MAX_FEATURES: Final = 1400
CONTRAST: Final = 0.02
"""Half of what OpenCV asks of a feature, as COLMAP has it."""
OFF_THE_LINE: Final = 0.005
"""How far from its epipolar line a match may be, relative to the photo's longer side: twice what a point may be off in
each of two photos of 1,600 pixels (4 pixels, as COLMAP filters)."""
AT_ONCE: Final = 64
"""Pairs of photos that are compared between two reports."""


@dataclass(frozen=True)
class QuickFeatures:
    """Of one photo."""

    points: NDArray[np.float32]  # [N, 2], pixels of the photo; the corner of the upper left one is the origin
    descriptors: NDArray[np.uint8]  # [N, 128], of length 512


@dataclass(frozen=True)
class View:
    """A camera and what it shows, in its own axes."""

    plane: NDArray[np.float64]  # [N, 3], rays of the features in camera axes (OpenCV), z = 1
    camera_from_world: NDArray[np.float64]  # [4, 4]
    allowed: float
    """Distance from the epipolar line in the plane z = 1."""


@dataclass(frozen=True)
class Compared:
    """What pairs of photos have in common."""

    overlapping: int
    """Pairs of photos with enough features that fit the cameras."""
    candidates: int
    """Pairs of features that are each other's most similar, in all pairs of photos."""
    fitting: int
    """Those of them that fit the cameras."""


def find_features(bench: Workbench) -> list[QuickFeatures]:
    """Of each photo of the bench; what a mask or alpha channel hides bears none. Raises Stopped."""
    images, masks = write_pictures(bench)
    paths = [(images / photo.name, masks / f"{photo.name}.png") for photo in bench.photos]
    found = list[QuickFeatures]()
    with ThreadPoolExecutor(available_cpus()) as pool:
        try:
            for features in pool.map(lambda pair: _of_file(*pair), paths):
                found.append(features)
                bench.go_on(len(found) / len(paths), f"features in {len(found)} of {len(paths)} photos")
        finally:
            pool.shutdown(cancel_futures=True)
    return found


def compare(
    bench: Workbench, model: PosedModel, features: list[QuickFeatures], pairs: tuple[Pair, ...], database: Path
) -> Compared:
    """Write features and what fits the model's cameras into a database that has the photos; `features` and `pairs` are
    of its shots. Raises Stopped."""
    views = [_view(model, index, each) for index, each in enumerate(features)]
    descriptors = np.concatenate([each.descriptors for each in features])
    starts = np.cumsum([0, *(len(each.points) for each in features)])
    overlapping = candidates = fitting = 0
    with pycolmap.Database.open(database) as db:
        numbers = {image.name: image.image_id for image in db.read_all_images()}
        order = [numbers[shot.name] for shot in model.shots]
        for number, each in zip(order, features, strict=True):
            db.write_keypoints(number, each.points)
        for done in range(0, len(pairs), AT_ONCE):
            bench.go_on(done / len(pairs), f"compared {done} of {len(pairs)} pairs of photos")
            some = pairs[done : done + AT_ONCE]
            for (first, second), similar in zip(some, most_similar(descriptors, starts, np.array(some)), strict=True):
                matches = similar[_fit(views[first], views[second], similar)]
                candidates += len(similar)
                fitting += len(matches)
                if len(matches) >= MIN_INLIERS:
                    overlapping += 1
                    db.write_two_view_geometry(order[first], order[second], _geometry(matches))
    return Compared(overlapping, candidates, fitting)


def _of_file(picture: Path, mask: Path) -> QuickFeatures:
    grey = cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
    if grey is None:
        raise OSError(f"{picture.name} cannot be read")
    found = _features(grey.astype(np.uint8))
    if not mask.exists():
        return found
    kept = visible(found.points, mask)
    return QuickFeatures(found.points[kept], found.descriptors[kept])


def _features(grey: NDArray[np.uint8]) -> QuickFeatures:
    """Of a picture [H, W]."""
    scale = min(1.0, SIDE_PIXELS / max(grey.shape))
    size = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    finder = cv2.SIFT.create(MAX_FEATURES, contrastThreshold=CONTRAST, enable_precise_upscale=True)
    keypoints, descriptors = finder.detectAndCompute(small, None)  # pyright: ignore[reportArgumentType, reportCallIssue]
    if not keypoints:
        return QuickFeatures(np.zeros((0, 2), np.float32), np.zeros((0, 128), np.uint8))
    # Pixel centres are whole numbers in OpenCV.
    points = (np.array([keypoint.pt for keypoint in keypoints]) + 0.5) * (np.array(grey.shape[::-1]) / size)
    # Square roots of shares tell more apart than the values (Arandjelović and Zisserman 2012).
    shares = descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-9)
    return QuickFeatures(points.astype(np.float32), np.clip(np.rint(512 * np.sqrt(shares)), 0, 255).astype(np.uint8))


def _view(model: PosedModel, index: int, features: QuickFeatures) -> View:
    shot = model.shots[index]
    camera = model.cameras[shot.camera_id]
    plane = rays(camera, features.points.astype(np.float64)) if len(features.points) else np.zeros((0, 2))
    allowed = OFF_THE_LINE * max(camera.width, camera.height) / camera.mean_focal_length()
    camera_from_world = np.linalg.inv(shot.world_from_camera).astype(np.float64)
    return View(np.hstack([plane, np.ones((len(plane), 1))]), camera_from_world, allowed)


def _fit(first: View, second: View, matches: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of matches [M, 2] show what both cameras can see: their rays all but meet."""
    a, b = first.plane[matches[:, 0]], second.plane[matches[:, 1]]
    essential = essential_matrix(second.camera_from_world @ np.linalg.inv(first.camera_from_world))
    across = np.abs(np.einsum("ij,ij->i", b @ essential, a))
    there, back = a @ essential.T, b @ essential
    return (across <= second.allowed * np.linalg.norm(there[:, :2], axis=1)) & (
        across <= first.allowed * np.linalg.norm(back[:, :2], axis=1)
    )


def _geometry(matches: NDArray[np.int64]) -> pycolmap.TwoViewGeometry:
    result = pycolmap.TwoViewGeometry()
    result.config = pycolmap.TwoViewGeometryConfiguration.CALIBRATED
    result.inlier_matches = matches.astype(np.uint32)
    return result
