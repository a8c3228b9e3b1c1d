"""Which photos are compared with which."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from reconstruction_worker.poses.pairs import EXHAUSTIVE_UP_TO, WINDOW, Pairing, blocks, choose_pairs

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
