"""Texels that no photo shows get the colour of those around them that some photo shows, on whichever page these are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

NEIGHBOURS: Final = 12
"""Texels with a photo that give an unseen texel its colour."""
KEPT: Final = 200_000
"""Of those with a photo, evenly spread."""
AT_ONCE: Final = 1 << 18
"""Texels that are filled at once: 600 bytes each."""


class Sums:
    """What is known of all pages once each has been coloured: which views show most, and the colours of some texels
    that a photo shows, for those that none does."""

    def __init__(self, views: int, blendings: int):
        self.best, self.known = np.zeros(views), 0
        """Texels that each view shows best [views], and that any does."""
        self._points = [np.zeros((0, 3), np.float32)]
        self._colours = [[np.zeros((0, 3), np.uint8)] for _ in range(blendings)]

    def add(
        self, best: NDArray[np.int16], points: NDArray[np.float32], colours: list[NDArray[np.uint8]], pages: int
    ) -> None:
        """A page: the best view of each texel [T], its point and its colours, of which some are remembered."""
        known = np.flatnonzero(best >= 0)
        self.best += np.bincount(best[known], minlength=len(self.best))
        self.known += len(known)
        some = known[:: max(1, len(known) // (KEPT // pages))]
        self._points.append(points[some])
        for into, own in zip(self._colours, colours, strict=True):
            into.append(own[some])

    def nearest(self) -> Callable[[NDArray[np.float32]], list[NDArray[np.uint8]]]:
        """Colours for points [N, 3], by blending: the mean of the nearest ones that are known, grey where none is."""
        points, colours = np.concatenate(self._points), [np.concatenate(each) for each in self._colours]
        tree = KDTree(points) if len(points) else None

        def colours_at(places: NDArray[np.float32]) -> list[NDArray[np.uint8]]:
            found = [np.full((len(places), 3), 128, np.uint8) for _ in colours]
            for begin in range(0, len(places) if tree is not None else 0, AT_ONCE):
                part = slice(begin, begin + AT_ONCE)
                for into, own in zip(found, mean_of_nearest(places[part]), strict=True):
                    into[part] = own
            return found

        def mean_of_nearest(places: NDArray[np.float32]) -> list[NDArray[np.uint8]]:
            assert tree is not None
            distance, neighbour = tree.query(places, k=min(NEIGHBOURS, len(points)), workers=-1)
            distance, neighbour = distance.reshape(len(places), -1), neighbour.reshape(len(places), -1)
            share = 1 / np.maximum(distance, 1e-6)
            share /= share.sum(axis=1, keepdims=True)
            return [
                np.einsum("tk,tkc->tc", share, own[neighbour].astype(np.float32)).astype(np.uint8) for own in colours
            ]

        return colours_at
