"""Which photos are compared with which: all of them, or those that probably show the same place."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

EXHAUSTIVE_UP_TO: Final = 80
"""Photos up to which all pairs are compared (3,160 pairs, some minutes on two cores)."""
WINDOW: Final = 12
"""Followers a photo is compared with in an ordered set."""
NEIGHBOURS: Final = 20
"""Nearest photos by GPS that a photo is compared with."""
BLOCK: Final = 8
"""Side of the squares of photos in which pairs are worked off."""

Pair = tuple[int, int]


class Pairing(StrEnum):
    EXHAUSTIVE = "exhaustive"
    SEQUENTIAL = "sequential"
    SPATIAL = "spatial"
    ALIKE = "alike"
    """Only those that look alike."""


@dataclass(frozen=True)
class PairChoice:
    """Pairs of photo indices, the lower one first, sorted."""

    pairing: Pairing
    pairs: tuple[Pair, ...]


def choose_pairs(count: int, positions: Sequence[NDArray[np.float64] | None]) -> PairChoice:
    """Pairs for `count` photos in the order of their names; `positions` in metres where GPS knows them. Large sets
    are compared with their neighbours by GPS where nearly all have it, otherwise by their order."""
    if count <= EXHAUSTIVE_UP_TO:
        return all_pairs(count)
    known = [index for index, position in enumerate(positions) if position is not None]
    nearby = _neighbours([positions[index] for index in known], known) if len(known) >= 0.9 * count else set()
    pairing = Pairing.SPATIAL if nearby else Pairing.SEQUENTIAL
    return PairChoice(pairing, tuple(sorted(nearby | _followers(count))))


def all_pairs(count: int) -> PairChoice:
    return PairChoice(Pairing.EXHAUSTIVE, tuple(itertools.combinations(range(count), 2)))


def blocks(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """The pairs in groups that touch few photos each, so that what is prepared for a photo serves many comparisons."""
    groups: dict[Pair, list[Pair]] = defaultdict(list)
    for first, second in pairs:
        groups[(first // BLOCK, second // BLOCK)].append((first, second))
    return list(groups.values())


def _followers(count: int) -> set[Pair]:
    """Each photo with the next ones, and with photos 2, 4, 8, ... further on: loops are often closed that way."""
    pairs = {(i, j) for i in range(count) for j in range(i + 1, min(i + 1 + WINDOW, count))}
    distance = 2
    while distance < count:
        pairs.update((i, i + distance) for i in range(count - distance))
        distance *= 2
    return pairs


def _neighbours(positions: Sequence[NDArray[np.float64] | None], indices: Sequence[int]) -> set[Pair]:
    # The altitude of photos on the ground is noise, and aerial photos of one flight share it.
    horizontal = np.array([position[:2] for position in positions if position is not None])
    if np.ptp(horizontal, axis=0).max() < 1.0:
        return set()
    tree = KDTree(horizontal)
    nearest = np.asarray(tree.query(horizontal, k=min(NEIGHBOURS + 1, len(horizontal)))[1])
    return {
        (min(indices[i], indices[j]), max(indices[i], indices[j]))
        for i, row in enumerate(nearest.tolist())
        for j in row
        if i != j
    }
