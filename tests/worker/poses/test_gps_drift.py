"""A street whose model changes its scale half way, without that any reprojection error would tell: GPS does."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pycolmap
import pytest
from PIL import Image

from reconstruction_worker.geometry.local_positions import local_positions, origin_of
from reconstruction_worker.geometry.similarity import fit_similarity
from reconstruction_worker.ingest.dataset import DatasetImage
from reconstruction_worker.poses.gps_priors import determine_scale, distinct_positions
from reconstruction_worker.poses.posed_model import PosedModel
from reconstruction_worker.poses.refine_intrinsics import held_to_positions
from reconstruction_worker.poses.sfm import Workbench, camera_groups, enter_photos
from reconstruction_worker.poses.strategies import ladder
from reconstruction_worker.poses.try_strategies import Attempt, try_strategies

from .scenes import Array, an_image

WIDTH, HEIGHT, FOCAL = 960, 720, 700.0
STEP = 40.0
"""Metres between two photos."""
PHOTOS, FIRST_HALF = 16, 9
METRES_PER_DEGREE = 111_320.0
"""Of latitude, and of longitude on the equator."""

Pixels = dict[int, Array]
"""By the number of the point that they show."""


def street() -> Array:
    """Places of cameras that look along +y, in metres."""
    wobble = np.random.default_rng(5).normal(0, STEP / 20, (PHOTOS, 3))
    return np.stack([STEP * np.arange(PHOTOS), np.zeros(PHOTOS), np.zeros(PHOTOS)], axis=1) + wobble


def facade(left: float, right: float, count: int, seed: int, distance: float = 2.0) -> Array:
    """Points in front of the cameras between x `left` and `right`; all in steps."""
    low, high = np.array([left, distance, -1.0]), np.array([right, distance + 1.5, 1.0])
    return STEP * np.random.default_rng(seed).uniform(low, high, (count, 3))


def what_each_photo_shows(look_alike: float, distance: float) -> list[Pixels]:
    """Each half of the street has its own points. The few that lead from one to the other, at a `distance` in steps,
    are in the second half's photos those of something that looks alike but has another size."""
    gps_positions, generator = street(), np.random.default_rng(6)
    joint = FIRST_HALF - 0.5
    halves = facade(-1.5, joint - 0.25, 700, 1), facade(joint + 0.25, PHOTOS + 1.5, 700, 2)
    reach = 0.4 * distance - 1
    shared = facade(joint + 0.5 - reach, joint + 0.5 + reach, 26, 3, distance)
    eye = gps_positions[FIRST_HALF]
    joints = shared, eye + look_alike * (shared - eye)
    photos = []
    for index, position in enumerate(gps_positions):
        half = int(index >= FIRST_HALF)
        points = dict(enumerate(halves[half], start=1000 * half))
        if FIRST_HALF - 2 <= index < FIRST_HALF + 2:
            points |= dict(enumerate(joints[half], start=2000))
        found = {number: pixel(xyz - position, generator) for number, xyz in points.items()}
        photos.append({number: at for number, at in found.items() if (at > 0).all() and (at < (WIDTH, HEIGHT)).all()})
    return photos


def pixel(xyz: Array, generator: np.random.Generator) -> Array:
    x, y, z = xyz
    return np.array([WIDTH / 2 + FOCAL * x / y, HEIGHT / 2 - FOCAL * z / y]) + generator.normal(0, 0.3, 2)


def write_matches(database: Path, photos: list[Pixels]) -> None:
    """What extraction and matching would leave, without an error among the matches of a half."""
    with pycolmap.Database.open(database) as db:
        ids = [image.image_id for image in sorted(db.read_all_images(), key=lambda image: image.name)]
        for image_id, pixels in zip(ids, photos, strict=True):
            db.write_keypoints(image_id, np.array(list(pixels.values()), np.float32))
        for (a, first), (b, second) in itertools.combinations(zip(ids, photos, strict=True), 2):
            rows = {number: row for row, number in enumerate(second)}
            matches = [(row, rows[number]) for row, number in enumerate(first) if number in rows]
            if len(matches) >= 15:
                geometry = pycolmap.TwoViewGeometry(
                    config=pycolmap.TwoViewGeometryConfiguration.CALIBRATED,
                    inlier_matches=np.array(matches, np.uint32),
                )
                db.write_two_view_geometry(a, b, geometry)


def photos_with(gps: bool, deviations: Array | None = None) -> list[DatasetImage]:
    """Their GPS is off by 1.5 m, or by `deviations` [N, 3], which it then tells."""
    noise = np.random.default_rng(7).normal(0, 1.0, (PHOTOS, 3)) * (1.5 if deviations is None else deviations)
    east, north, up = (street() + noise).T
    gps_positions = zip(
        (north / METRES_PER_DEGREE).tolist(), (east / METRES_PER_DEGREE).tolist(), up.tolist(), strict=True
    )
    told = [None] * PHOTOS if deviations is None else [tuple(each) for each in deviations.tolist()]
    return [
        an_image(
            f"{i:02d}.png",
            WIDTH,
            HEIGHT,
            focal_pixels=FOCAL,
            gps=position if gps else None,
            gps_deviation=told[i],
        )
        for i, position in enumerate(gps_positions)
    ]


def tried(
    folder: Path, photos: list[DatasetImage], look_alike: float, distance: float
) -> tuple[Attempt, list[Attempt]]:
    """Strategies that need no pictures: the matches are there."""
    (folder / "images").mkdir(parents=True)
    for photo in photos:
        Image.new("L", (WIDTH, HEIGHT)).save(folder / "images" / photo.name)
    database = folder / "plain-exhaustive.db"
    enter_photos(camera_groups(photos), folder / "images", database)
    write_matches(database, what_each_photo_shows(look_alike, distance))
    gps_positions = local_positions([photo.gps for photo in photos])
    steps = [
        step
        for step in ladder(False, False, determine_scale(gps_positions))
        if step.name in ("standard", "extended", "bold")
    ]
    return try_strategies(
        Workbench(folder, folder, photos, lambda *_: None, lambda: False), steps, gps_positions, required_share=0.5
    )


def metres_from_truth(attempt: Attempt) -> float:
    """Median over the photos."""
    assert attempt.model is not None
    model = PosedModel.from_reconstruction(attempt.model)
    truth = street()[[int(shot.name.partition(".")[0]) for shot in model.shots]]
    positions = model.poses[:, :3, 3]
    return float(np.median(np.linalg.norm(fit_similarity(positions, truth).points(positions) - truth, axis=1)))


@pytest.mark.parametrize("gps", [False, True], ids=["without GPS", "with GPS"])
def test_gps_keeps_the_scale_of_photos_that_hang_on_few_points_far_away(tmp_path: Path, gps: bool) -> None:
    best, _ = tried(tmp_path / "sfm", photos_with(gps), look_alike=0.9, distance=30.0)
    assert best.registered == PHOTOS
    assert best.strategy.name == ("extended" if gps else "bold")
    assert (metres_from_truth(best) < 1) == gps


def test_a_model_that_contradicts_gps_loses_against_a_smaller_one(tmp_path: Path) -> None:
    best, attempts = tried(tmp_path / "sfm", photos_with(gps=True), look_alike=0.6, distance=4.0)
    larger = [attempt for attempt in attempts if attempt.registered == PHOTOS]
    assert larger and all(attempt.contradicts_gps for attempt in larger)
    assert best.registered == FIRST_HALF
    assert metres_from_truth(best) < 1


def test_a_model_is_bent_to_the_positions_of_which_half_are_exact(tmp_path: Path) -> None:
    """Over 600 m; the other half are told to be 10 m off, and are. What holds it then is in metres on the ground."""
    deviations = np.where(np.arange(PHOTOS)[:, None] % 2, 0.02, 10.0) * np.ones(3)
    photos = photos_with(True, deviations)
    best, _ = tried(tmp_path / "sfm", photos, look_alike=1.0, distance=4.0)
    assert best.registered == PHOTOS and best.model is not None
    positions, names = local_positions([photo.gps for photo in photos]), [photo.name for photo in photos]

    def off(told: Array | None) -> Array:
        """Metres from the truth. [N]"""
        assert best.model is not None
        model = PosedModel.from_reconstruction(
            held_to_positions(best.model, distinct_positions(names, positions, told))
        )
        assert [shot.name for shot in model.shots] == names
        return np.linalg.norm(model.poses[:, :3, 3] - on_the_ground(photos), axis=1)

    assert off(deviations)[1::2].max() < 0.2
    assert np.median(off(None)) > 1, "without the accuracies all are alike"


def on_the_ground(photos: list[DatasetImage]) -> Array:
    """The street around the same origin as the photos' GPS. [N, 3]"""
    east, north, up = street().T
    origin = origin_of([photo.gps for photo in photos])
    assert origin is not None
    degrees = np.stack([north / METRES_PER_DEGREE, east / METRES_PER_DEGREE, up], axis=1)
    return pycolmap.GPSTransform().ellipsoid_to_enu(degrees, origin.latitude, origin.longitude, origin.altitude)
