"""Which features of two photos look alike, for many pairs of photos at once; compiled, because a library's threads for
matrices this small wait for each other longer than they compute."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..compiled import threaded

RATIO: Final = 0.8
"""Distance of the most similar feature, relative to the next one's, up to which it can be told from others."""
LENGTH: Final = 128
"""Numbers in a descriptor."""


def most_similar(
    descriptors: NDArray[np.uint8], starts: NDArray[np.int64], pairs: NDArray[np.int64]
) -> list[NDArray[np.int64]]:
    """For each of `pairs` [P, 2] of photos the pairs [M, 2] of their features that are each other's most similar, and
    clearly more so than the next. The features of photo i are `descriptors` [F, 128] from starts[i] to starts[i + 1],
    all of about the same length, and are counted from 0 in each photo."""
    most = int(np.diff(starts).max(initial=0))
    partners = np.empty((len(pairs), most), np.int32)
    _partners(len(pairs), descriptors, starts, pairs, partners)
    found = [np.flatnonzero(row >= 0) for row in partners]
    return [np.stack([rows, row[rows]], axis=1).astype(np.int64) for rows, row in zip(found, partners, strict=True)]


@threaded(vectorised=True)
def _partners(
    begin: int,
    end: int,
    descriptors: NDArray[np.uint8],
    starts: NDArray[np.int64],
    pairs: NDArray[np.int64],
    partners: NDArray[np.int32],
) -> None:
    """Fill `partners` [P, most]: of each feature of a pair's first photo that of the second, or -1."""
    for pair in range(begin, end):
        first = descriptors[starts[pairs[pair, 0]] : starts[pairs[pair, 0] + 1]].astype(np.float32)
        second = descriptors[starts[pairs[pair, 1]] : starts[pairs[pair, 1] + 1]].astype(np.float32)
        best = np.full(len(first), -1, np.int32)
        nearest = np.full(len(first), np.inf, np.float32)
        next_nearest = np.full(len(first), np.inf, np.float32)
        back = np.full(len(second), -1, np.int32)
        back_nearest = np.full(len(second), np.inf, np.float32)
        for i in range(len(first)):
            for j in range(len(second)):
                distance = np.float32(0)
                for k in range(LENGTH):
                    difference = first[i, k] - second[j, k]
                    distance += difference * difference
                if distance < nearest[i]:
                    next_nearest[i] = nearest[i]
                    nearest[i] = distance
                    best[i] = j
                elif distance < next_nearest[i]:
                    next_nearest[i] = distance
                if distance < back_nearest[j]:
                    back_nearest[j] = distance
                    back[j] = i
        for i in range(partners.shape[1]):
            partners[pair, i] = -1
        for i in range(len(first)):
            if best[i] >= 0 and back[best[i]] == i and nearest[i] < RATIO * RATIO * next_nearest[i]:
                partners[pair, i] = best[i]
