"""Which side is missing where cameras go round something."""

from __future__ import annotations

import numpy as np
import pytest

from reconstruction_worker.geometry.rendering import Camera
from reconstruction_worker.quality.missing_side import missing_side

from ..geometry.scenes import in_front, look_at


def cameras_without(first: int, last: int) -> list[Camera]:
    """Every 15 degrees, counter-clockwise from the right, but for those between."""
    turns = [turn for turn in range(0, 360, 15) if not first < turn < last]
    return [look_at(2 * np.array([np.cos(np.radians(t)), np.sin(np.radians(t)), 0.3])) for t in turns]


@pytest.mark.parametrize(
    ("first", "last", "side"), [(135, 225, "the left"), (45, 135, "behind"), (225, 315, "the front")]
)
def test_a_side_that_is_left_out_is_named(first: int, last: int, side: str) -> None:
    assert missing_side(cameras_without(first, last)) == (
        f"{side}: the cameras leave out 90 degrees of the way round there"
    )


def test_nothing_is_missing_all_around_and_where_one_side_was_meant() -> None:
    assert missing_side(cameras_without(0, 0)) is None
    assert missing_side(in_front(10)) is None
    assert missing_side(cameras_without(0, 90)[:3]) is None
