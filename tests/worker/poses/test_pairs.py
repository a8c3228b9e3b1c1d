"""Which photos are compared with which."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from reconstruction_worker.poses.pairs import (
    EXHAUSTIVE_UP_TO,
    POSED_RANKS,
    WINDOW,
    Pairing,
    blocks,
    choose_pairs,
    pairs_by_view,
)

from .scenes import Array


def test_small_sets_are_compared_completely() -> None:
    choice = choose_pairs(5, [None] * 5)
    assert choice.pairing is Pairing.EXHAUSTIVE
    assert choice.pairs == tuple(itertools.combinations(range(5), 2))


def test_long_sets_are_compared_along_their_order() -> None:
    choice = choose_pairs(400, [None] * 400)
    assert choice.pairing is Pairing.SEQUENTIAL
    assert {(10, 11), (10, 10 + WINDOW), (10, 10 + 64)} <= set(choice.pairs)
    assert len(choice.pairs) < 400 * 20
    assert all(first < second for first, second in choice.pairs)


def test_flights_are_compared_with_their_neighbours_on_the_map() -> None:
    count = EXHAUSTIVE_UP_TO + 40
    # Ten photos a line, there and back: the nearest photo of the next line is far away in the order of the names.
    positions: list[Array | None] = []
    for index in range(count):
        line, step = divmod(index, 10)
        positions.append(np.array([10.0 * (step if line % 2 == 0 else 9 - step), 12.0 * line, 80.0]))
    choice = choose_pairs(count, positions)
    assert choice.pairing is Pairing.SPATIAL
    assert (0, 19) in choice.pairs
    assert (0, 99) not in choice.pairs


@pytest.mark.parametrize("known", [0.5, 1.0], ids=["half of the photos have GPS", "all from one place"])
def test_gps_that_tells_no_neighbours_leaves_the_order(known: float) -> None:
    positions = [np.zeros(3) if index < known * 200 else None for index in range(200)]
    assert choose_pairs(200, positions).pairing is Pairing.SEQUENTIAL


def test_blocks_hold_every_pair_once_and_touch_few_photos() -> None:
    pairs = list(itertools.combinations(range(40), 2))
    groups = blocks(pairs)
    assert sorted(itertools.chain(*groups)) == pairs
    assert max(len({photo for pair in group for photo in pair}) for group in groups) <= 16


def around(count: int, *, outwards: bool = False) -> np.ndarray:
    """Poses [N, 4, 4] (OpenCV axes) on a circle."""
    turn = 2 * np.pi * np.arange(count) / count
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, :3, 3] = np.stack([np.cos(turn), np.sin(turn), np.zeros(count)], axis=1)
    poses[:, :3, 2] = poses[:, :3, 3] * (1 if outwards else -1)
    return poses


def test_photos_of_known_poses_are_compared_with_those_that_look_the_same_way_from_nearby() -> None:
    count = 200
    choice = pairs_by_view(around(count))
    assert choice.pairing is Pairing.POSED
    apart = np.array([min(b - a, count - b + a) for a, b in choice.pairs])
    assert apart.max() == POSED_RANKS[-1] // 2 + 1  # there is one on either side
    assert (apart == 1).sum() == count
    assert set(np.array(choice.pairs).ravel().tolist()) == set(range(count))
    assert len(pairs_by_view(around(20)).pairs) == 190


def test_pairs_of_photos_with_known_poses_grow_with_their_number() -> None:
    few, many = (len(pairs_by_view(around(count)).pairs) for count in (100, 400))
    assert many == pytest.approx(4 * few, rel=0.02)
    assert many <= 400 * len(POSED_RANKS)


def test_photos_from_one_place_in_opposite_directions_are_not_compared() -> None:
    both = np.concatenate([around(100, outwards=True), around(100, outwards=False)])
    both[:, :3, 3] *= 0.01
    forward = both[:, :3, 2]
    assert all(forward[a] @ forward[b] >= 0.5 - 1e-9 for a, b in pairs_by_view(both).pairs)
