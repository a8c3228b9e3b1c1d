"""Many numbers, or rows of numbers, as indices into a short list of them (Lloyd 1982, "Least squares quantization in
PCM")."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

ENTRIES: Final = 256
"""Of a list that one byte points into."""
ROUNDS: Final = 12
PALETTE_ROUNDS: Final = 4
SAMPLE_A_ROW: Final = 4
"""A palette is made from so many rows for each of its own."""
_AT_ONCE: Final = 4096
"""Rows whose distances to a palette are in memory together."""


def codebook(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """256 rising numbers near which the values are. They begin in even steps from the least to the greatest, and each
    moves to the mean of those nearest to it."""
    flat = np.sort(values.astype(np.float64), axis=None)
    sums = np.concatenate([[0.0], np.cumsum(flat)])
    book = np.linspace(flat[0], flat[-1], ENTRIES)
    for _ in range(ROUNDS):
        ends = np.searchsorted(flat, _middles(book))
        ends = np.concatenate([[0], ends, [len(flat)]])
        count = np.diff(ends)
        book = np.where(count > 0, np.diff(sums[ends]) / np.maximum(count, 1), book)
    return book.astype(np.float32)


def nearest(values: NDArray[np.floating], book: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Index of the entry nearest to each value."""
    return np.searchsorted(_middles(book), values).astype(np.uint8)


def palette(rows: NDArray[np.float32], size: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """At most `size` rows near which the rows [N, K] are, and each one's index among them [N]."""
    rng = np.random.default_rng(seed)
    if len(rows) <= size:
        return rows, np.arange(len(rows))
    sample = rows[rng.choice(len(rows), min(len(rows), size * SAMPLE_A_ROW), replace=False)]
    centres = sample[rng.choice(len(sample), size, replace=False)].copy()
    for _ in range(PALETTE_ROUNDS):
        index = _nearest_rows(sample, centres)
        count = np.bincount(index, minlength=size)
        sums = np.zeros_like(centres)
        np.add.at(sums, index, sample)
        centres = np.where(count[:, None] > 0, sums / np.maximum(count, 1)[:, None], centres).astype(np.float32)
    return centres, _nearest_rows(rows, centres)


def _nearest_rows(rows: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.int64]:
    squares = (centres**2).sum(axis=1)
    parts = [rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE)]
    return np.concatenate([(squares - 2 * (part @ centres.T)).argmin(axis=1) for part in parts])


def _middles(book: NDArray[np.floating]) -> NDArray[np.floating]:
    return (book[1:] + book[:-1]) / 2
