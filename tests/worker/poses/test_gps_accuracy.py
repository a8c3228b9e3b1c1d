"""Positions count by how exact their receivers say that they are; gimbals tell up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from reconstruction_worker.geometry.gps import align_to_gps
from reconstruction_worker.geometry.gps_accuracy import deviations_of, weighted_median
from reconstruction_worker.geometry.similarity import Similarity
from reconstruction_worker.ingest.dataset import HeldCamera
from reconstruction_worker.poses.gimbals import up_from_gimbals, up_in_camera
from reconstruction_worker.poses.gps_agreement import agreement
from reconstruction_worker.poses.gps_priors import are_exact, determine_scale, distinct_positions, position_prior
from reconstruction_worker.poses.world import settle

from .scenes import Array, a_model, an_image, degrees_between

EXACT, COARSE = (0.02, 0.02, 0.03), (10.0, 10.0, 15.0)
BACK = Similarity(12.5, Rotation.from_euler("xyz", [40, -70, 15], degrees=True).as_matrix(), np.array([5.0, 6, 7]))


def flight(count: int = 24) -> Array:
    """Places in metres; the model has them without scale and orientation."""
    random = np.random.default_rng(0)
    return np.array([[20.0 * (i % 6), 15.0 * (i // 6), 60 + random.normal(0, 3)] for i in range(count)])


def in_model(places: Array) -> Array:
    return (places - BACK.translation) @ BACK.rotation / BACK.scale


def measured(places: Array, deviations: Array, seed: int = 1) -> Array:
    return places + np.random.default_rng(seed).normal(0, 1, places.shape) * deviations


def errors(places: Array, gps: Array, deviations: Array | None) -> Array:
    """Metres from the truth of a model that was laid on GPS. [N]; infinite where that tells nothing."""
    found = align_to_gps(in_model(places), list(gps), deviations=deviations)
    if found is None or not found.orients:
        return np.full(len(places), np.inf)
    return np.linalg.norm(found.metres_from_model.points(in_model(places)) - places, axis=1)


@pytest.mark.parametrize("coarse", [0.25, 0.5, 0.75])
def test_exact_positions_among_coarse_ones_place_the_model_within_centimetres(coarse: float) -> None:
    places = flight()
    known = [COARSE if index % 4 < 4 * coarse else EXACT for index in range(len(places))]
    deviations = deviations_of(known)
    gps = measured(places, deviations)
    assert errors(places, gps, deviations).max() < 0.05
    if coarse >= 0.5:  # fewer are outliers
        assert np.median(errors(places, gps, None)) > 0.2, "without the accuracies they are all alike"


def test_positions_that_are_said_to_be_exact_may_be_wrong() -> None:
    places = flight()
    deviations = deviations_of([EXACT if index % 2 else COARSE for index in range(len(places))])
    gps = measured(places, deviations)
    gps[[3, 9, 15]] += [4.0, -7.0, 2.0]
    assert errors(places, gps, deviations).max() < 0.05


def test_equal_accuracies_change_nothing() -> None:
    places = flight()
    gps = measured(places, deviations_of([(3.0, 3.0, 3.0)] * len(places)))
    for each in ((0.5, 0.5, 0.5), (3.0, 3.0, 3.0)):
        deviations = deviations_of([each] * len(places))
        assert np.array_equal(errors(places, gps, deviations), errors(places, gps, None))


def test_the_vertical_may_be_less_exact_than_the_ground() -> None:
    places = flight()
    deviations = deviations_of([(0.02, 0.02, 5.0) if index % 2 else EXACT for index in range(len(places))])
    gps = measured(places, deviations)
    assert errors(places, gps, deviations).max() < 0.2 < errors(places, gps, None).max()


def test_a_receiver_that_says_nothing_counts_as_typical() -> None:
    known = deviations_of([None, EXACT, (0.0001, 900.0, 2.0)])
    assert known.tolist() == [[3, 3, 3], [0.02, 0.02, 0.03], [0.01, 100, 2]]


def test_the_middle_of_weighted_values() -> None:
    values = np.array([5.0, 1.0, 9.0, 100.0])
    assert weighted_median(values, np.ones(4)) == 7.0
    assert weighted_median(values, np.array([1.0, 1.0, 5.0, 1.0])) == 9.0
    assert weighted_median(np.array([np.nan, 3.0]), np.ones(2)) == 3.0


def test_priors_are_as_strong_as_their_accuracy() -> None:
    class Image:
        data_id = position_prior.__globals__["pycolmap"].data_t()

    deviations = deviations_of([EXACT, None])
    known = distinct_positions(["a", "b"], [np.array([1.0, 2, 3]), np.array([4.0, 5, np.nan])], deviations)
    exact, typical = (position_prior(Image, known[name]).position_covariance for name in ("a", "b"))  # type: ignore[arg-type]
    assert np.sqrt(np.diag(exact)) == pytest.approx([0.02, 0.02, 0.03])
    assert np.sqrt(np.diag(typical)) == pytest.approx([3, 3, 1e4])


def test_exact_positions_tell_the_scale_of_a_small_site() -> None:
    places = list(flight() / 20)
    assert not determine_scale(places)
    assert determine_scale(places, deviations_of([EXACT] * len(places)))
    assert are_exact(places, deviations_of([EXACT] * 6 + [None] * 18))
    assert not are_exact(places, deviations_of([EXACT] * 5 + [None] * 19))
    assert not are_exact([None] * 24, deviations_of([EXACT] * 24))


def test_how_far_a_model_may_be_off_depends_on_the_accuracy() -> None:
    places = flight()
    bent = in_model(places) + 0.3 * np.random.default_rng(2).normal(0, 1, places.shape)
    gps = list(places)
    typical, exact = (agreement(bent, gps, deviations_of([each] * len(gps))) for each in ((3.0, 3.0, 3.0), EXACT))
    assert typical is not None and exact is not None
    assert not typical.contradicts
    assert exact.contradicts


# ---- gimbals


def held(pitch: float, yaw: float, roll: float = 0.0) -> Array:
    """World from camera (OpenCV axes), east, north, up, of a camera that a gimbal holds so."""
    ned = Rotation.from_euler("ZYX", [yaw, pitch, roll], degrees=True).as_matrix()  # forward, right, down
    to_enu = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, -1]])
    body_from_camera = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
    pose = np.eye(4)
    pose[:3, :3] = to_enu @ ned @ body_from_camera
    return pose


@pytest.mark.parametrize(
    ("pitch", "roll", "up"),
    [
        (0, 0, [0, -1, 0]),
        (-90, 0, [0, 0, -1]),
        (90, 0, [0, 0, 1]),
        (0, 90, [-1, 0, 0]),
        (-30, 0, [0, -(0.75**0.5), -0.5]),
    ],
)
def test_up_in_a_camera_is_where_its_gimbal_says(pitch: float, roll: float, up: list[float]) -> None:
    assert np.allclose(up_in_camera(HeldCamera(pitch=pitch, roll=roll)), up, atol=1e-9)
    assert np.allclose(held(pitch, 33.0, roll)[:3, :3] @ up_in_camera(HeldCamera(pitch=pitch, roll=roll)), [0, 0, 1])


def nadir(count: int = 12, **fields: Any) -> tuple[Array, list[Any]]:
    """Photos straight down, in a model that is turned; and their gimbals."""
    random = np.random.default_rng(3)
    angles = [(-90 + random.normal(0, 0.3), 20.0 * index, random.normal(0, 0.3)) for index in range(count)]
    poses = np.stack([held(*angle) for angle in angles])
    poses[:, :3, 3] = flight(count)
    photos = [
        an_image(f"{index:03d}.png", gimbal=HeldCamera(yaw=yaw, pitch=pitch, roll=roll), **fields)
        for index, (pitch, yaw, roll) in enumerate(angles)
    ]
    model = np.linalg.inv(np.block([[BACK.rotation, np.zeros((3, 1))], [np.zeros((1, 3)), np.ones((1, 1))]]))
    return model @ poses, photos


def test_gimbals_tell_up_of_a_flight() -> None:
    poses, photos = nadir()
    up = up_from_gimbals(poses, photos)
    assert up is not None
    assert degrees_between(up, BACK.rotation.T @ [0, 0, 1.0]) < 0.1


def test_gimbals_that_contradict_the_poses_tell_nothing() -> None:
    poses, photos = nadir()
    for photo in photos[:2]:
        photo.gimbal = HeldCamera(pitch=0, roll=0)  # one in six
    assert up_from_gimbals(poses, photos) is not None
    for photo in photos[:4]:
        photo.gimbal = HeldCamera(pitch=0, roll=0)
    assert up_from_gimbals(poses, photos) is None
    assert up_from_gimbals(poses, nadir(orientation=6)[1]) is None, "the photos were turned"
    assert up_from_gimbals(poses[:2], photos[4:6]) is None


@pytest.mark.parametrize("gps", ["none", "no altitudes", "drifting altitudes"])
def test_a_flight_is_level_by_its_gimbals_where_gps_can_not_tell(gps: str) -> None:
    """Altitudes that drift by a slope of one in two along the flight tilt the model without any error to see."""
    poses, photos = nadir(24)
    places = flight(24)
    local: list[Array | None] = list(places.copy())
    if gps == "none":
        local = [None] * len(local)
    elif gps == "no altitudes":
        local = [np.array([*place[:2], np.nan]) for place in places]
    else:
        local = [place + np.array([0, 0, 0.5 * place[0]]) for place in places]
    ground = np.random.default_rng(4).uniform([-20, -20, 0], [120, 80, 4], (300, 3)) @ BACK.rotation
    poses[:, :3, 3] = places @ BACK.rotation
    world = settle(a_model(poses, ground), [None] * 24, local, 0.0, measured_up=up_from_gimbals(poses, photos))
    up = world.world_from_model.rotation @ BACK.rotation.T @ [0, 0, 1.0]
    assert degrees_between(up, np.array([0.0, 0, 1])) < 1.0
    assert world.up_from == "gimbal"
