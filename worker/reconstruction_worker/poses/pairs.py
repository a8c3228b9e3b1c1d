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
POSED_RANKS: Final = (1, 2, 3, 4, 6, 8, 11, 15)
"""Which of the photos of a large set with known poses a photo is compared with, by how near they are: the next ones see
nearly the same, those farther away tell depth."""
WIDEST_ANGLE: Final = 60.0
"""Degrees between the directions of view of two photos from which they have hardly any feature in common."""
STEP_ANGLE: Final = 15.0
"""Degrees by which turning counts like the distance to the nearest photo."""
BLOCK: Final = 8
"""Side of the squares of photos in which pairs are worked off."""

Pair = tuple[int, int]


class Pairing(StrEnum):
    EXHAUSTIVE = "exhaustive"
    SEQUENTIAL = "sequential"
    SPATIAL = "spatial"
    POSED = "posed"
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


def pairs_by_view(poses: NDArray[np.float64]) -> PairChoice:
    """Pairs of photos whose poses [N, 4, 4] (world from camera, OpenCV axes) are known: in large sets, each with those
    that were taken nearby in about the same direction."""
    count = len(poses)
    if count <= EXHAUSTIVE_UP_TO:
        return all_pairs(count)
    places, forward = poses[:, :3, 3], poses[:, :3, 2]
    tree = KDTree(places)
    nearest = np.asarray(tree.query(places, k=2)[0])[:, 1]
    step = max(float(np.median(nearest)), 1e-6 * float(np.ptp(places, axis=0).max()), 1e-12)
    pairs = set[Pair]()
    for index in range(count):
        turned = np.degrees(np.arccos((forward @ forward[index]).clip(-1, 1)))
        away = np.linalg.norm(places - places[index], axis=1) / step + turned / STEP_ANGLE
        away[turned > WIDEST_ANGLE] = np.inf
        away[index] = np.inf
        chosen = np.argsort(away, kind="stable")[np.array(POSED_RANKS) - 1]
        pairs.update((min(index, other), max(index, other)) for other in chosen[np.isfinite(away[chosen])].tolist())
    return PairChoice(Pairing.POSED, tuple(sorted(pairs)))


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
