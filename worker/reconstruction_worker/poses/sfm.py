"""Features and matches with COLMAP: each step a function from files to files that reports and can be stopped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import pycolmap
from numpy.typing import NDArray
from PIL import Image

from ..cpus import available_cpus
from ..ingest.dataset import DatasetImage
from ..stage import Stopped
from .dataset_photos import read_mask, read_rgb
from .native import follow
from .pairs import Pair, blocks

SEED: Final = 0
CAMERA_MODEL: Final = "SIMPLE_RADIAL"
"""Focal length and one distortion coefficient: what photos without calibration can support."""
MIN_INLIERS: Final = 15
"""Matches that must agree on one geometry for two photos to count as overlapping; COLMAP's own threshold."""
FEATURE_MEMORY_BYTES: Final = 1_200 * 2**20
"""What all threads of the feature extraction may hold together."""
BYTES_PER_PIXEL: Final = 310
"""Of one thread of the extraction, measured: the image is doubled in size, then kept at several scales."""
GUIDED_MEMORY_BYTES: Final = 1_500 * 2**20
"""What all threads of guided matching may hold together."""
BYTES_PER_GUIDED_PAIR: Final = 17
"""Of one thread, for each feature of the one photo with each of the other, measured: a full table of distances and
copies of it."""
MASK_MARGIN: Final = 128
"""Coverage (of 255) from which a feature belongs to the object."""

Say = Callable[[float, str], None]
"""Reports the done share of a step (0-1) and one line about it."""


@dataclass(frozen=True)
class FeatureSettings:
    """How features are found and compared."""

    tag: str = "plain"
    """Names the database; other settings, another tag."""
    max_side_pixels: int = 1600
    max_features: int = 8192
    peak_threshold: float = 0.0067
    doubled: bool = True
    """Look for features in the photo at twice its size too: more than three times as long, for the smallest ones."""
    affine: bool = False
    """Estimate affine shapes and pool over domain sizes (Dong and Soatto, 2015), then look for more matches along the
    epipolar lines of each pair: many times slower, matches across wider baselines."""
    use_masks: bool = True
    learned: bool = False
    """Those of networks (learned_features.py) instead of COLMAP's; of the fields above only `tag` counts."""


@dataclass(frozen=True)
class CameraGroup:
    """Photos of one camera, in COLMAP's terms; with empty `params` the focal length is a guess."""

    names: list[str]
    model: str
    params: str


@dataclass(frozen=True)
class Workbench:
    """What all steps share. Everything they write is below `scratch`."""

    workspace: Path
    scratch: Path
    photos: Sequence[DatasetImage]
    say: Say
    stop_requested: Callable[[], bool]

    def go_on(self, done: float, message: str) -> None:
        """Report, or raise Stopped."""
        if self.stop_requested():
            raise Stopped
        self.say(done, message)

    def part(self, start: float, end: float) -> Workbench:
        """The same bench, whose progress is reported as the part from `start` to `end` of a larger whole."""

        def say(done: float, message: str) -> None:
            self.say(start + (end - start) * min(max(done, 0.0), 1.0), message)

        return replace(self, say=say)


def extract(bench: Workbench, settings: FeatureSettings, groups: Sequence[CameraGroup], database: Path) -> None:
    """Find features in all photos, which are divided into `groups`. With `use_masks`, what a mask or alpha channel
    hides bears none."""
    images, masks = write_pictures(bench)
    enter_photos(groups, images, database)
    reader = pycolmap.ImageReaderOptions()
    if settings.use_masks and masks.exists():
        reader.mask_path = masks
    options = pycolmap.FeatureExtractionOptions()
    options.use_gpu = False
    options.max_image_size = settings.max_side_pixels
    options.num_threads = _feature_threads(bench.photos, settings)
    options.sift.max_num_features = settings.max_features
    options.sift.peak_threshold = settings.peak_threshold
    options.sift.first_octave = -1 if settings.doubled else 0
    options.sift.estimate_affine_shape = settings.affine
    options.sift.domain_size_pooling = settings.affine
    if settings.affine:  # others would be features of their own, beyond `max_features`
        options.sift.max_num_orientations = 1
    names = [photo.name for photo in bench.photos]
    step = 2 * options.num_threads
    for done in range(0, len(names), step):
        bench.say(done / len(names), f"features in {done} of {len(names)} photos")
        call = partial(_extract, database, images, names[done : done + step], reader, options)
        follow(call, bench.stop_requested)
    if settings.affine:
        keep_largest(database, settings.max_features)


def enter_photos(groups: Sequence[CameraGroup], images: Path, database: Path) -> None:
    """Enter the photos before the extraction's threads do so in the order in which they happen to finish: with the
    same numbers each time, results can be repeated."""
    pycolmap.Database.open(database).close()
    for group in groups:
        reader = pycolmap.ImageReaderOptions()
        reader.camera_model = group.model
        reader.camera_params = group.params
        pycolmap.import_images(database, images, pycolmap.CameraMode.SINGLE, group.names, reader)


def keep_largest(database: Path, most: int) -> None:
    """Leave each photo so many features: COLMAP, which finds the largest first, keeps all of the size at which it has
    enough, up to twice as many, and guided matching takes memory for each with each."""
    with pycolmap.Database.open(database) as db:
        numbers = [image.image_id for image in db.read_all_images()]
        if all(db.num_keypoints_for_image(number) <= most for number in numbers):
            return
        found = {number: (db.read_keypoints(number), db.read_descriptors(number)) for number in numbers}
        db.clear_keypoints()
        db.clear_descriptors()
        for number, (keypoints, descriptors) in found.items():
            kept = pycolmap.FeatureDescriptors(data=np.asarray(descriptors.data)[:most], type=descriptors.type)
            db.write_keypoints(number, np.asarray(keypoints)[:most])
            db.write_descriptors(number, kept)


def _extract(
    database: Path,
    images: Path,
    names: list[str],
    reader: pycolmap.ImageReaderOptions,
    options: pycolmap.FeatureExtractionOptions,
    token: pycolmap.CancellationToken,
) -> None:
    pycolmap.extract_features(
        database,
        images,
        image_names=names,
        reader_options=reader,
        extraction_options=options,
        device=pycolmap.Device.cpu,
        cancellation_token=token,
    )


def match(bench: Workbench, settings: FeatureSettings, pairs: Sequence[Pair], database: Path) -> None:
    """Compare the features of pairs of photos (indices into `bench.photos`) and keep what fits one geometry."""
    options = pycolmap.FeatureMatchingOptions()
    options.use_gpu = False
    options.guided_matching = settings.affine
    options.num_threads = _guided_threads(database) if settings.affine else available_cpus()
    verification = verification_options()
    pairing = pycolmap.ImportedPairingOptions()
    pairing.match_list_path = bench.scratch / "pairs.txt"
    names = [photo.name for photo in bench.photos]
    done = 0
    for block in blocks(pairs):
        bench.say(done / len(pairs), f"compared {done} of {len(pairs)} pairs of photos")
        pairing.match_list_path.write_text("".join(f"{names[a]} {names[b]}\n" for a, b in block))
        follow(partial(_match, database, options, pairing, verification), bench.stop_requested)
        done += len(block)


def _match(
    database: Path,
    options: pycolmap.FeatureMatchingOptions,
    pairing: pycolmap.ImportedPairingOptions,
    verification: pycolmap.TwoViewGeometryOptions,
    token: pycolmap.CancellationToken,
) -> None:
    pycolmap.match_image_pairs(
        database,
        matching_options=options,
        pairing_options=pairing,
        verification_options=verification,
        device=pycolmap.Device.cpu,
        cancellation_token=token,
    )


def verification_options() -> pycolmap.TwoViewGeometryOptions:
    """How it is found out whether matches of two photos fit one geometry; the same each time."""
    options = pycolmap.TwoViewGeometryOptions()
    options.ransac.random_seed = SEED
    return options


def overlapping_pairs(database: Path) -> int:
    """Pairs of photos with enough matches that agree on one geometry."""
    with pycolmap.Database.open(database) as db:
        _, inliers = db.read_two_view_geometry_num_inliers()
    return sum(count >= MIN_INLIERS for count in inliers)


def verified_matches(database: Path) -> int:
    """Pairs of features that agree on the geometry of their two photos, in all overlapping pairs."""
    with pycolmap.Database.open(database) as db:
        _, inliers = db.read_two_view_geometry_num_inliers()
    return sum(count for count in inliers if count >= MIN_INLIERS)


def flat_pairs(database: Path) -> int:
    """Overlapping pairs that a homography explains: the camera has only turned between the two, or all that they show
    is in one plane."""
    flat = (
        pycolmap.TwoViewGeometryConfiguration.PLANAR,
        pycolmap.TwoViewGeometryConfiguration.PANORAMIC,
        pycolmap.TwoViewGeometryConfiguration.PLANAR_OR_PANORAMIC,
    )
    with pycolmap.Database.open(database) as db:
        _, geometries = db.read_two_view_geometries()
    return sum(each.config in flat and len(each.inlier_matches) >= MIN_INLIERS for each in geometries)


def has_masks(photos: Sequence[DatasetImage]) -> bool:
    """Whether something tells the object from its background in at least one photo."""
    return any(photo.has_alpha or photo.mask is not None for photo in photos)


def camera_groups(photos: Sequence[DatasetImage]) -> list[CameraGroup]:
    """Photos that may share one camera: same size now and in the source, and the same focal length by EXIF to 2 %."""
    groups: dict[tuple[int, ...], list[DatasetImage]] = defaultdict(list)
    for photo in photos:
        focal = round(np.log(photo.focal_pixels) / 0.02) if photo.focal_pixels else 0
        groups[(photo.width, photo.height, photo.original.width, photo.original.height, focal)].append(photo)
    return [CameraGroup([photo.name for photo in group], CAMERA_MODEL, _prior(group[0])) for group in groups.values()]


def _prior(photo: DatasetImage) -> str:
    """Focal length, principal point and distortion where EXIF knows the focal length, else empty."""
    if photo.focal_pixels is None:
        return ""
    return f"{photo.focal_pixels},{photo.width / 2},{photo.height / 2},0"


def _feature_threads(photos: Sequence[DatasetImage], settings: FeatureSettings) -> int:
    largest = max(photo.width * photo.height for photo in photos)
    scale = min(1.0, settings.max_side_pixels / max(max(photo.width, photo.height) for photo in photos)) ** 2
    affordable = int(FEATURE_MEMORY_BYTES / (largest * scale * BYTES_PER_PIXEL))
    return max(1, min(available_cpus(), affordable))


def _guided_threads(database: Path) -> int:
    with pycolmap.Database.open(database) as db:
        most = max((db.num_keypoints_for_image(image.image_id) for image in db.read_all_images()), default=0)
    affordable = GUIDED_MEMORY_BYTES // max(BYTES_PER_GUIDED_PAIR * most**2, 1)
    return max(1, min(available_cpus(), affordable))


def write_pictures(bench: Workbench) -> tuple[Path, Path]:
    """Folders of opaque pictures and of masks (named as COLMAP expects); none of masks where no photo has one."""
    images, masks = bench.scratch / "images", bench.scratch / "masks"
    if images.exists():
        return images, masks
    images.mkdir()
    masked = has_masks(bench.photos)
    if masked:
        masks.mkdir()
    for photo in bench.photos:
        mask = read_mask(bench.workspace, photo)
        if masked:
            visible = np.full((photo.height, photo.width), 255, np.uint8) if mask is None else mask
            Image.fromarray(np.where(visible >= MASK_MARGIN, 255, 0).astype(np.uint8)).save(masks / f"{photo.name}.png")
        if mask is not None and (photo.has_alpha or photo.plain_background):
            Image.fromarray(_opaque(read_rgb(bench.workspace, photo), mask)).save(images / photo.name)
        else:
            (images / photo.name).symlink_to((bench.workspace / photo.file).resolve())
    return images, masks


def visible(points: NDArray[np.float32], mask: Path, outline: float = 0.0) -> NDArray[np.bool_]:
    """Which of points [N, 2] (pixels; the corner of the upper left one is the origin) a written mask does not hide, nor
    has at its outline: so near to it, as a share of the longer side, but at least 2 pixels."""
    with Image.open(mask) as file:
        shown = np.asarray(file.convert("L")) >= MASK_MARGIN
    if outline:
        reach = max(2, round(outline * max(shown.shape)))
        framed = np.pad(shown, reach, mode="edge").astype(np.uint8)  # the photo's border is no outline
        inner = cv2.erode(framed, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
        shown = inner[reach:-reach, reach:-reach] > 0
    column, row = np.floor(points).astype(int).T
    height, width = shown.shape
    return shown[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]


def _opaque(rgb: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An object without background, or with one of a single colour, on its own mean colour, so that the outline, which
    is no place on the surface, bears as few features as possible."""
    alpha = mask[..., None].astype(np.float32) / 255
    mean = (rgb * alpha).sum(axis=(0, 1)) / max(float(alpha.sum()), 1.0)
    return np.round(rgb * alpha + mean * (1 - alpha)).astype(np.uint8)
