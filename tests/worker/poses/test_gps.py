"""GPS decides scale and orientation where it can, and stays out of it where it can't."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from reconstruction_worker.geometry.gps import align_to_gps
from reconstruction_worker.geometry.local_positions import local_positions
from reconstruction_worker.geometry.similarity import Similarity

from .scenes import Array, degrees_between


def survey_positions(noise: float) -> Array:
    gps_positions = np.array(
        [[x, y, 50.0 + 2 * np.sin(x)] for x in range(0, 80, 20) for y in range(0, 60, 15)], dtype=float
    )
    return gps_positions + np.random.default_rng(1).normal(0, noise, gps_positions.shape)


def in_model_frame(gps_positions: Array) -> tuple[Array, Similarity]:
    """The places as a model without scale and orientation has them, and the way back."""
    back = Similarity(12.5, Rotation.from_euler("xyz", [40, -70, 15], degrees=True).as_matrix(), np.array([5.0, 6, 7]))
    return (gps_positions - back.translation) @ back.rotation / back.scale, back


def test_a_flight_gives_scale_and_orientation() -> None:
    model, back = in_model_frame(survey_positions(0))
    alignment = align_to_gps(model, list(survey_positions(noise=0.5)))
    assert alignment is not None
    assert alignment.orients
    assert alignment.metres_from_model.scale == pytest.approx(back.scale, rel=0.02)
    up = np.array([0.0, 0.0, 1.0])
    assert degrees_between(alignment.metres_from_model.rotation.T @ up, back.rotation.T @ up) < 2
    assert 0.2 < alignment.residual_metres < 1.5


def test_one_wrong_fix_is_left_out() -> None:
    model, back = in_model_frame(survey_positions(0))
    gps_positions = survey_positions(noise=0.2)
    gps_positions[3] += [900.0, -400.0, 60.0]
    alignment = align_to_gps(model, list(gps_positions))
    assert alignment is not None
    assert alignment.metres_from_model.scale == pytest.approx(back.scale, rel=0.02)


def test_a_straight_street_gives_scale_but_not_orientation() -> None:
    gps_positions = np.array([[0.0, y, 2.0] for y in range(0, 200, 10)])
    model, back = in_model_frame(gps_positions)
    alignment = align_to_gps(model, list(gps_positions + np.random.default_rng(2).normal(0, 2, gps_positions.shape)))
    assert alignment is not None
    assert not alignment.orients
    assert alignment.metres_from_model.scale == pytest.approx(back.scale, rel=0.05)


@pytest.mark.parametrize(
    ("spread", "noise", "photos"),
    [(1.0, 5.0, 20), (1.0, 0.0, 20), (60.0, 0.5, 3), (30.0, 200.0, 20)],
    ids=["a statue with a phone", "all from one place", "three photos", "GPS that contradicts the photos"],
)
def test_gps_that_tells_nothing_is_not_used(spread: float, noise: float, photos: int) -> None:
    generator = np.random.default_rng(3)
    gps_positions = generator.uniform(-spread, spread, (photos, 3))
    model, _ = in_model_frame(gps_positions)
    assert align_to_gps(model, list(gps_positions + generator.normal(0, noise, gps_positions.shape))) is None


def test_photos_without_gps_are_ignored() -> None:
    model, back = in_model_frame(survey_positions(0))
    gps_positions: list[Array | None] = list(survey_positions(0))
    gps_positions[::3] = [None] * len(gps_positions[::3])
    alignment = align_to_gps(model, gps_positions)
    assert alignment is not None
    assert alignment.metres_from_model.scale == pytest.approx(back.scale, rel=1e-6)


def test_degrees_become_metres_east_north_up() -> None:
    origin, north, east, above, nothing = local_positions(
        [(47.0, 8.0, 400.0), (47.001, 8.0, 400.0), (47.0, 8.001, 400.0), (47.0, 8.0, 410.0), None]
    )
    assert nothing is None
    assert origin is not None and np.allclose(origin, 0, atol=1e-6)
    # A thousandth of a degree of latitude is 111.18 m at 47 degrees, of longitude 76.06 m (WGS 84).
    assert north is not None and np.allclose(north, [0, 111.18, 0], atol=0.05)
    assert east is not None and np.allclose(east, [76.06, 0, 0], atol=0.15)
    assert above is not None and np.allclose(above, [0, 0, 10], atol=1e-3)


LOST = {"one": [7], "the first": [0], "a row": [*range(6)], "every other": [*range(0, 24, 2)], "most": [*range(5, 25)],
        "all": [*range(25)]}  # fmt: skip


@pytest.mark.parametrize("value", [None, 0.0])
@pytest.mark.parametrize("lost", LOST)
def test_altitudes_that_are_not_known_leave_scale_and_north(lost: str, value: float | None) -> None:
    random = np.random.default_rng(0)
    flight = np.array([[40.0 * (i % 5), 40.0 * (i // 5), 60 + random.normal(0, 5)] for i in range(25)])
    noisy = flight + random.normal(0, 1, flight.shape)
    gps = [(50 + n / 111_320, 10 + e / (111_320 * np.cos(np.radians(50))), 300 + u) for e, n, u in noisy]
    gps = [(*at[:2], value) if index in LOST[lost] else at for index, at in enumerate(gps)]
    model, back = in_model_frame(flight)
    up = back.rotation.T @ [0, 0, 1.0]
    alignment = align_to_gps(model, local_positions(gps), up)
    assert alignment is not None and alignment.orients
    assert alignment.metres_from_model.scale == pytest.approx(back.scale, rel=0.02)
    found = alignment.metres_from_model.rotation
    assert np.degrees(np.arccos(np.clip((found @ up)[2], -1, 1))) < 2
    north = found @ back.rotation.T @ [0, 1.0, 0]
    assert abs(np.degrees(np.arctan2(north[0], north[1]))) < 2


@pytest.mark.parametrize("wrong", [120.0, 5000.0])
def test_altitudes_that_are_wrong_say_nothing(wrong: float) -> None:
    positions = survey_positions(noise=0.5)
    stale = positions.copy()
    stale[: len(stale) // 4, 2] = wrong
    model, back = in_model_frame(positions)
    alignment = align_to_gps(model, list(stale))
    assert alignment is not None
    assert alignment.metres_from_model.scale == pytest.approx(back.scale, rel=0.02)


def test_sea_level_is_an_altitude_where_the_others_are_near_it() -> None:
    found = local_positions([(50.0, 10.0, 0.0), (50.0, 10.001, 2.0), (50.001, 10.0, -1.0)])
    assert all(position is not None and np.isfinite(position).all() for position in found)
