"""What holds a surface: how many photos see a spot, and from how far apart."""

from __future__ import annotations

import numpy as np

from reconstruction_worker.geometry.mesh import vertex_normals
from reconstruction_worker.geometry.photo_support import Support, photo_support

from .scenes import around, bumpy_sphere, look_at

BALL = bumpy_sphere()
NORMALS = vertex_normals(BALL)
FRONT = BALL.vertices[:, 1] < -0.45
BACK = BALL.vertices[:, 1] > 0.3


def support_by(*eyes: tuple[float, float, float]) -> np.ndarray:
    return photo_support(BALL, NORMALS, [look_at(np.array(eye), 160) for eye in eyes])


def test_without_photos_nothing_is_held() -> None:
    assert (support_by() == Support.NONE).all()


def test_one_photo_holds_nothing_but_shows_the_front() -> None:
    level = support_by((0, -2.2, 0))
    assert (level[FRONT] == Support.ONE).mean() > 0.98
    assert (level[BACK] == Support.NONE).all()


def test_photos_from_one_place_are_no_more_than_one() -> None:
    level = support_by((0, -2.2, 0), (0.01, -2.2, 0), (0, -2.2, 0.01))
    assert (level[FRONT] == Support.ONE).mean() > 0.98


def test_two_photos_tell_depth_and_three_from_different_sides_confirm_it() -> None:
    pair, three = (
        support_by((0.4, -2.2, 0), (-0.4, -2.2, 0)),
        support_by((0.6, -2.2, 0), (-0.6, -2.2, 0), (0, -2.2, 0.5)),
    )
    assert (pair[FRONT] == Support.TWO).mean() > 0.98
    assert (three[FRONT] == Support.MANY).mean() > 0.98


def test_photos_all_around_hold_all_that_is_not_hidden() -> None:
    assert (photo_support(BALL, NORMALS, around(24)) == Support.MANY).mean() > 0.95
