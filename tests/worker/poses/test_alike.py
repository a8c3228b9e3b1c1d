"""Photos that show the same place are found by their own features."""

from __future__ import annotations

import itertools

import numpy as np

from reconstruction_worker.poses import alike

SHOWN = 60
"""Places that a photo shows; its follower shows half of them, too."""


def walk(count: int, seed: int = 0) -> list[np.ndarray]:
    """Descriptors of photos along a closed way: each shows half of what the one before shows."""
    generator = np.random.default_rng(seed)
    places = generator.gamma(0.4, 1, (count * SHOWN // 2, 128))
    photos = []
    for index in range(count):
        shown = places[(np.arange(SHOWN) + index * SHOWN // 2) % len(places)]
        seen = shown + generator.gamma(0.4, 0.02, shown.shape)
        photos.append((seen / np.linalg.norm(seen, axis=1, keepdims=True)).astype(np.float32))
    return photos


def followers_of(order: list[int]) -> set[tuple[int, int]]:
    """Pairs of places in `order` whose photos follow each other on the way."""
    place = {photo: number for number, photo in enumerate(order)}
    count = len(order)
    ends = [(place[i], place[(i + 1) % count]) for i in range(count)]
    return {(min(pair), max(pair)) for pair in ends}


def found(photos: list[np.ndarray], suggested: frozenset[tuple[int, int]] = frozenset()) -> set[tuple[int, int]]:
    candidates = alike.shortlist(alike.vectors(photos)) | suggested
    counts = alike.shared(photos, candidates, lambda: None)
    return set(alike.worth_comparing(counts, suggested))


def test_overlapping_photos_are_found_in_any_order() -> None:
    photos = walk(120)
    order = np.random.default_rng(1).permutation(120).tolist()
    pairs = found([photos[index] for index in order])
    expected = followers_of(order)
    assert len(expected & pairs) >= 0.98 * len(expected)
    assert len(pairs) < 2 * len(expected)


def test_the_same_photos_give_the_same_pairs() -> None:
    assert found(walk(90)) == found(walk(90))


def test_pairs_that_share_nothing_are_not_compared() -> None:
    photos = walk(30)
    everything = set(itertools.combinations(range(30), 2))
    counts = alike.shared(photos, everything, lambda: None)
    assert all(counts[pair] < alike.MIN_SHARED for pair in everything - followers_of(list(range(30))))


def test_a_photo_without_partners_keeps_what_its_order_suggests() -> None:
    photos = [*walk(30), np.zeros((0, 128), np.float32)]
    assert (29, 30) in found(photos, frozenset({(28, 30), (29, 30)}))


def test_photos_without_any_features_have_no_partners() -> None:
    assert found([np.zeros((0, 128), np.float32)] * 90) == set()


def test_only_the_best_partners_of_a_crowd_are_compared() -> None:
    same = walk(2)[0]
    photos = [same] * 100
    pairs = found(photos)
    assert all(len([pair for pair in pairs if index in pair]) >= alike.PARTNERS for index in range(100))
    assert len(pairs) <= 100 * alike.PARTNERS
