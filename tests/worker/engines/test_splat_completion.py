"""What no other photo confirms is continued smoothly, and hides nothing that others show."""

from __future__ import annotations

import numpy as np

from reconstruction_worker.engines.splats.beyond_outline import without_outline
from reconstruction_worker.engines.splats.completion import LEAST, MOST, completed
from reconstruction_worker.engines.splats.hidden import Surface, behind_others
from reconstruction_worker.geometry.rendering import Camera

SIDE = 64
EVERYWHERE = np.ones((SIDE, SIDE), np.bool_)


def sloping() -> np.ndarray:
    """A plane's inverse depths."""
    return 1 + 0.2 * np.linspace(-1, 1, SIDE)[None, :] + np.zeros((SIDE, 1))


def test_a_hole_in_a_plane_is_filled_with_the_plane() -> None:
    known = EVERYWHERE.copy()
    known[20:40, 25:45] = False
    found = completed(np.where(known, sloping(), 0), known, EVERYWHERE)
    assert np.array_equal(found[known], sloping()[known])
    assert np.abs(found / sloping() - 1)[~known].max() < 0.01


def test_beyond_what_is_known_depths_stay_near_it() -> None:
    known = EVERYWHERE.copy()
    known[:, 40:] = False
    found = completed(np.where(known, sloping(), 0), known, EVERYWHERE)
    low, high = np.percentile(sloping()[known], [2, 98])
    assert found[:, 41].mean() > sloping()[:, 39].mean()
    assert found.min() >= LEAST * low and found.max() <= MOST * high


def test_a_large_picture_is_filled_at_its_own_size() -> None:
    values = np.full((300, 500), 2.0)
    known = np.zeros((300, 500), np.bool_)
    known[100:200, 100:200] = True
    found = completed(np.where(known, values, 0), known, np.ones_like(known))
    assert found.shape == values.shape
    assert np.allclose(found, 2.0, atol=1e-3)


def a_surface(x: float, distance: float, *, sure: bool) -> Surface:
    """A ball of that radius around a camera at `x` that looks along -z."""
    pose = np.eye(4)
    pose[0, 3] = x
    camera = Camera(pose, 2.0 * SIDE, 2.0 * SIDE, SIDE / 2, SIDE / 2, SIDE, SIDE)
    far = np.full((SIDE, SIDE), np.inf)
    return Surface(camera, np.full((SIDE, SIDE), distance), EVERYWHERE, EVERYWHERE & sure, far)


def test_a_guess_before_what_another_photo_shows_moves_behind_it() -> None:
    moved, stays = behind_others([a_surface(0.0, 4.5, sure=False), a_surface(0.5, 5.0, sure=True)])
    middle = SIDE // 2
    assert 4.9 < moved[middle, middle] < 5.2
    assert (stays == 5.0).all()


def test_what_is_confirmed_stays() -> None:
    one, _ = behind_others([a_surface(0.0, 4.5, sure=True), a_surface(0.5, 5.0, sure=True)])
    assert (one == 4.5).all()


def test_where_nothing_behind_is_possible_a_guess_stays() -> None:
    one, _ = behind_others([a_surface(0.0, 2.0, sure=False), a_surface(0.5, 5.0, sure=True)])
    assert one[SIDE // 2, SIDE // 2] == 2.0


def test_beside_an_object_its_colours_go_on() -> None:
    picture = np.zeros((10, 12, 4), np.uint8)
    picture[:, :6] = 200, 100, 50, 255
    picture[:, 6] = 9, 9, 9, 120  # a blend with the background
    found = without_outline(picture)
    assert (found[..., :3] == (200, 100, 50)).all()
    assert (found[..., 3] == picture[..., 3]).all()


def test_pictures_without_an_object_stay() -> None:
    opaque, empty = np.full((4, 4, 3), 7, np.uint8), np.zeros((4, 4, 4), np.uint8)
    assert without_outline(opaque) is opaque
    assert without_outline(empty) is empty
