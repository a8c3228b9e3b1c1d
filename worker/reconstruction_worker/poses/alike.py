"""Photos that probably show the same place, as their own features say: nothing is learned or loaded from elsewhere.

Each photo becomes one vector (VLAD: Jégou et al., CVPR 2010) over words found in the set itself. What is alike by that
is then compared by its largest features alone (preemptive matching: Wu, Towards Linear-time Incremental SfM, 3DV 2013),
at a millisecond or two a pair, before all features are. The same photos give the same pairs each time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Pair = tuple[int, int]

WORDS: Final = 64
ROUNDS: Final = 10
"""Of k-means."""
SAMPLE: Final = 24_000
"""Features that words are found from."""
LARGEST: Final = 400
"""Features of a photo, the largest, that are compared to tell whether the others are worth it: they are the fewest, and
are found again from farther away."""
SHORTLIST: Final = 40
"""Photos of the most similar vectors whose largest features are compared."""
PARTNERS: Final = 20
"""Photos that a photo is compared with because they look alike."""
MIN_SHARED: Final = 5
"""Of the largest features, that two photos must have in common. Of 100 photos of a ball, nearly all that are 30 degrees
or less apart have 24 or more, and of those that show other sides three quarters have 4 or fewer."""
FEW: Final = 6
"""Partners below which a photo keeps all that something else suggests for it: its features may say too little."""
RATIO: Final = 0.75
"""Distance of the best match, relative to the second best's, up to which a match counts."""

Array = NDArray[np.float32]


def vectors(descriptors: Sequence[Array]) -> Array:
    """One vector of length 1 for each photo [N, WORDS * D], from its descriptors [F, D] of length 1; 0 without any."""
    if not any(len(each) for each in descriptors):
        return np.zeros((len(descriptors), 1), np.float32)
    words = _words(descriptors)
    return np.stack([_vector(each, words) for each in descriptors])


def shortlist(photos: Array) -> set[Pair]:
    """Pairs (lower index first) of each photo with those whose vectors are the most similar."""
    similarity = photos @ photos.T
    np.fill_diagonal(similarity, -np.inf)
    nearest = np.argsort(-similarity, axis=1, kind="stable")[:, : min(SHORTLIST, len(photos) - 1)]
    return {(min(i, j), max(i, j)) for i, row in enumerate(nearest.tolist()) for j in row}


def shared(largest: Sequence[Array], pairs: Iterable[Pair], look: Callable[[], None]) -> dict[Pair, int]:
    """For each pair how many of the photos' largest features [F, D] they have in common. `look` is called now and then,
    and may raise."""
    counts: dict[Pair, int] = {}
    for number, (first, second) in enumerate(sorted(pairs)):
        if number % 200 == 0:
            look()
        counts[first, second] = _common(largest[first], largest[second])
    return counts


def worth_comparing(counts: dict[Pair, int], neighbours: Collection[Pair]) -> list[Pair]:
    """Of `neighbours`, which something else suggests, those that share enough; of all, the best partners of each photo.
    Sorted."""
    enough = {pair: count for pair, count in counts.items() if count >= MIN_SHARED}
    kept = {pair for pair in neighbours if pair in enough}
    for partners in _by_photo(enough).values():
        kept.update(sorted(partners, key=lambda pair: (-enough[pair], pair))[:PARTNERS])
    found = {photo: len(partners) for photo, partners in _by_photo(kept).items()}
    kept.update(pair for pair in neighbours if min(found.get(photo, 0) for photo in pair) < FEW)
    return sorted(kept)


def _by_photo(pairs: Iterable[Pair]) -> dict[int, list[Pair]]:
    found: dict[int, list[Pair]] = defaultdict(list)
    for pair in pairs:
        for photo in pair:
            found[photo].append(pair)
    return found


def _words(descriptors: Sequence[Array]) -> Array:
    """k-means [WORDS, D] of a sample."""
    generator = np.random.default_rng(0)
    everything = np.concatenate(descriptors)
    sample = everything[generator.permutation(len(everything))[:SAMPLE]]
    words = sample[:WORDS].copy()
    for _ in range(ROUNDS):
        nearest = (sample @ words.T - 0.5 * (words**2).sum(axis=1)).argmax(axis=1)
        counts = np.bincount(nearest, minlength=len(words))
        sums = np.zeros_like(words)
        np.add.at(sums, nearest, sample)
        words = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], words)
    return words


def _vector(descriptors: Array, words: Array) -> Array:
    """Sums of differences to the nearest words, each of length 1 so that what repeats itself in a photo does not
    outvote the rest."""
    sums = np.zeros_like(words)
    if len(descriptors):
        nearest = (descriptors @ words.T - 0.5 * (words**2).sum(axis=1)).argmax(axis=1)
        np.add.at(sums, nearest, descriptors - words[nearest])
    sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
    flat = sums.ravel()
    return flat / max(float(np.linalg.norm(flat)), 1e-9)


def _common(first: Array, second: Array) -> int:
    """Features that are each other's nearest, and clearly nearer than the next."""
    if len(first) < 2 or len(second) < 2:
        return 0
    similarity = first @ second.T
    rows = np.arange(len(first))
    nearest = similarity.argmax(axis=1)
    best = similarity[rows, nearest]
    mutual = similarity.argmax(axis=0)[nearest] == rows
    similarity[rows, nearest] = -1.0
    next_best = similarity.max(axis=1)
    # Of vectors of length 1 the squared distance is 2 - 2 cos.
    clear = np.maximum(1 - best, 0) < RATIO**2 * (1 - next_best)
    return int((mutual & clear).sum())
