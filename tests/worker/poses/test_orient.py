"""Up and front are found whatever frame the poses come in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from reconstruction_api.poses import PhotoSide
from reconstruction_worker.geometry.similarity import Similarity, fit_similarity
from reconstruction_worker.poses.orient import rotation_to_world, up_at, up_from_cameras

from .scenes import Array, degrees_between, looking, rolled

Z = np.array([0.0, 0.0, 1.0])
GENERATOR = np.random.default_rng(0)
CLOUD = GENERATOR.normal(0, 0.4, (300, 3))
GROUND = np.concatenate([GENERATOR.uniform(-40, 40, (300, 2)), GENERATOR.normal(0, 0.5, (300, 1))], axis=1)
FACADE = np.concatenate(
    [GENERATOR.uniform(-10, 10, (300, 1)), GENERATOR.normal(8, 0.2, (300, 1)), GENERATOR.uniform(0, 9, (300, 1))],
    axis=1,
)


def orbit() -> Array:
    """All around an object, each photo rolled a little."""
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    eyes = [np.array([3 * np.cos(a), 3 * np.sin(a), 0.5 + 0.8 * np.sin(3 * a)]) for a in angles]
    return np.array([rolled(looking(eye, np.zeros(3), Z), 3 * (-1) ** i) for i, eye in enumerate(eyes)])


def on_its_side() -> Array:
    """All around an object, from a little above, with the camera turned by a quarter."""
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    eyes = [np.array([3 * np.cos(a), 3 * np.sin(a), 0.9]) for a in angles]
    return np.array([rolled(looking(eye, np.zeros(3), Z), 90 + 3 * (-1) ** i) for i, eye in enumerate(eyes)])


def two_rings_on_their_side() -> Array:
    """The same, the other way round, and again from 30 degrees higher."""
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    eyes = [np.array([3 * np.cos(a), 3 * np.sin(a), height]) for height in (0.3, 2.2) for a in angles]
    return np.array([rolled(looking(eye, np.zeros(3), Z), -90) for eye in eyes])


def two_thirds_of_a_ring_on_its_side() -> Array:
    return on_its_side()[:16]


def portrait_row() -> Array:
    """From one side only, some photos tilted down, all level to within a degree."""
    return np.array([looking(np.array([x, -5.0, 1.5]), np.array([x, 0, h]), Z) for x, h in _grid(5, (0.0, 1.0, 2.5))])


def street() -> Array:
    """Walking straight ahead."""
    return np.array([looking(np.array([0.0, y, 1.6]), np.array([0.0, y + 5, 1.6]), Z) for y in np.arange(0, 20, 2.0)])


def facade() -> Array:
    """Sideways along a wall, square on."""
    return np.array([looking(np.array([x, -4.0, 1.6]), np.array([x, 8.0, 1.6]), Z) for x in np.arange(-8, 8, 1.0)])


def survey() -> Array:
    """A grid of aerial photos straight down, all with north up: nothing but the ground tells where up is."""
    north = np.array([0.0, 1.0, 0.0])
    return np.array(
        [looking(np.array([x, y, 40.0]), np.array([x, y, 0.0]), north) for x, y in _grid(4, range(-20, 21, 8))]
    )


def survey_there_and_back() -> Array:
    """The same, with the drone turned around on every second line, and some lines across."""
    poses = survey()
    return np.array([rolled(pose, (0, 180, 90)[i % 3]) for i, pose in enumerate(poses)])


def _grid(count: int, others: object) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x in np.linspace(-12, 12, count) for y in others]  # type: ignore[attr-defined]


CASES: list[tuple[Callable[[], Array], Array, bool, float]] = [
    (orbit, CLOUD, True, 1.5),
    (on_its_side, CLOUD, True, 1.5),
    (two_rings_on_their_side, CLOUD, True, 1.5),
    (two_thirds_of_a_ring_on_its_side, CLOUD, False, 3.0),
    (portrait_row, CLOUD, True, 10.0),
    (street, CLOUD, False, 1.0),
    (facade, FACADE, False, 1.0),
    (survey, GROUND, False, 1.0),
    (survey_there_and_back, GROUND, False, 1.0),
]


@pytest.mark.parametrize(("poses", "points", "bounded", "tolerance"), CASES, ids=lambda v: getattr(v, "__name__", ""))
@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    scale=st.floats(0.01, 100),
)
def test_up_is_found_in_any_frame(
    poses: Callable[[], Array], points: Array, bounded: bool, tolerance: float, seed: int, scale: float
) -> None:
    turn = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    frame = Similarity(scale, turn, np.array([3.0, -5.0, 8.0]))
    up = up_from_cameras(frame.poses(poses()), frame.points(points), bounded)
    assert degrees_between(up, turn @ Z) < tolerance


def test_masked_objects_are_never_taken_for_ground() -> None:
    up = up_from_cameras(survey(), GROUND, bounded=True)
    assert degrees_between(up, np.array([0.0, 1.0, 0.0])) < 1


def test_upside_down_photos_in_the_minority_do_not_turn_the_scene() -> None:
    poses = orbit()
    poses[:7] = [rolled(pose, 180) for pose in poses[:7]]
    assert degrees_between(up_from_cameras(poses, CLOUD, bounded=True), Z) < 2


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_what_the_photos_show_faces_minus_y(seed: int) -> None:
    turn = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    poses = Similarity(1, turn, np.zeros(3)).poses(portrait_row())
    rotation = rotation_to_world(turn @ Z, poses)
    assert np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(rotation) == pytest.approx(1)
    assert np.allclose(rotation @ turn @ Z, Z, atol=1e-9)
    positions = poses[:, :3, 3] @ rotation.T
    assert positions.mean(axis=0)[1] < -4.5


@pytest.mark.parametrize("poses", [orbit, survey, survey_there_and_back])
def test_a_front_is_chosen_even_where_no_direction_prevails(poses: Callable[[], Array]) -> None:
    rotation = rotation_to_world(Z, poses())
    assert np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    assert np.allclose(rotation @ Z, Z)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(1e-3, 1e3), count=st.integers(4, 30))
def test_a_similarity_is_recovered_from_points(seed: int, scale: float, count: int) -> None:
    source = np.random.default_rng(seed).normal(size=(count, 3))
    truth = Similarity(scale, Rotation.random(rng=np.random.default_rng(seed)).as_matrix(), np.array([1.0, -2.0, 3.0]))
    found = fit_similarity(source, truth.points(source))
    assert found.scale == pytest.approx(scale)
    assert np.allclose(found.rotation, truth.rotation, atol=1e-8)
    assert np.allclose(found.matrix, truth.matrix, atol=1e-6 * max(scale, 1))


def test_similarities_compose_like_their_matrices() -> None:
    a = Similarity(2.0, Rotation.from_euler("xyz", [10, 20, 30], degrees=True).as_matrix(), np.array([1.0, 2, 3]))
    b = Similarity(0.5, Rotation.from_euler("xyz", [5, -20, 70], degrees=True).as_matrix(), np.array([-1.0, 0, 2]))
    assert np.allclose(a.after(b).matrix, a.matrix @ b.matrix)


@pytest.mark.parametrize(
    ("side", "roll"),
    [(PhotoSide.TOP, 0), (PhotoSide.LEFT, 90), (PhotoSide.BOTTOM, 180), (PhotoSide.RIGHT, -90)],
)
@pytest.mark.parametrize("poses", [orbit, street, facade])
def test_the_side_of_the_photos_that_is_said_to_be_up_is_up(
    poses: Callable[[], Array], side: PhotoSide, roll: float
) -> None:
    """Photos of a camera that was turned by a quarter, or stood on its head."""
    turned = np.array([rolled(pose, roll) for pose in poses()])
    top_is_at = {PhotoSide.TOP: -1, PhotoSide.BOTTOM: 1}.get(side)
    at = turned[:, :3, 1] * top_is_at if top_is_at else turned[:, :3, 0] * (1 if side is PhotoSide.RIGHT else -1)
    assert degrees_between(at.mean(axis=0), Z) < 25
    assert degrees_between(up_at(side, turned, CLOUD), Z) < 4


def test_up_is_towards_the_camera_where_all_photos_are_from_above() -> None:
    assert degrees_between(up_at(PhotoSide.TOWARDS_CAMERA, survey(), CLOUD), Z) < 1
