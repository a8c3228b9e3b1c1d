"""Which photos of a model are not where what they have in common with the others says.

A photo that was placed by a few wrong points takes those that follow it along: a street falls into two halves, each
right by itself, with small reprojection errors everywhere, for the points that would contradict were left out. The
pairs' matches still do: with the poses of a right model as many of them lie on their epipolar lines as with the pose
that suits that pair best (Hartley and Zisserman 2004, sections 9.2 and 11.1), whatever their depths are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import pycolmap
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from .colmap_cameras import rays
from .epipolar import essential_matrix

FEWEST: Final = 30
"""Matches of a pair that count: fewer may all be wrong."""
PARTNERS: Final = 12
"""Pairs of a photo that are looked at, those with the most matches."""
TOLERANCE: Final = 0.002
"""Distance of a match from its epipolar line, relative to the focal length."""
CONFIRMED, CONTRADICTED = 0.7, 0.5
"""Of as many matches as suit the pair's own pose, the share that the model's poses explain from which these are
confirmed, and below which they are contradicted."""
TELLING: Final = 1 / 3
"""Share of the images that the largest part must have for the others to be doubted: where there is none so large, the
whole model is bent, or the lens unknown."""
CERTAINTY: Final = 0.999
BASELINE: Final = 1e-9

Rays = NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """What matches say of the poses of two images."""

    images: tuple[int, int]
    matches: int
    explained: float
    """Of as many matches as suit the pair's own best pose, those that the model's poses explain; may be above 1."""


def remove_misplaced(model: pycolmap.Reconstruction, database: Path, hold: Collection[str] = ()) -> None:
    """Take out of a model the photos that matches do not join to most of the others, but contradict. What has too few
    matches to tell stays, and so do the photos named in `hold`."""
    held = {image_id for image_id in model.reg_image_ids() if model.image(image_id).name in hold}
    for image_id in misplaced(list(pairs_of(model, database)), held):
        frame_id = model.image(image_id).frame_id
        if model.frame(frame_id).has_pose():
            model.deregister_frame(frame_id)


def confirmed_share(model: pycolmap.Reconstruction, database: Path) -> float | None:
    """Share of the pairs that confirm a model's poses; None where none can tell."""
    explained = [pair.explained for pair in pairs_of(model, database)]
    return round(sum(each >= CONFIRMED for each in explained) / len(explained), 3) if explained else None


def misplaced(pairs: Collection[Pair], held: Collection[int] = ()) -> set[int]:
    """Images that pairs do not join to the largest part, or to the one with most of those that are `held`, but
    contradict. A part is what confirmed pairs join."""
    confirmed = [pair.images for pair in pairs if pair.explained >= CONFIRMED]
    part = _parts(confirmed, {image for pair in pairs for image in pair.images})
    sizes = Counter(part.values())
    if len(sizes) < 2:
        return set()
    main = max(sizes, key=lambda one: (sum(part.get(image) == one for image in held), sizes[one], -one))
    if sizes[main] < TELLING * len(part):
        return set()
    say: Counter[tuple[int, int]] = Counter()
    for pair in pairs:
        one, other = sorted(part[image] for image in pair.images)
        if one != other:
            say[one, other] += -pair.matches if pair.explained < CONTRADICTED else pair.matches
    whole = _parts([ends for ends, matches in say.items() if matches > 0], sizes)
    doubted = {whole[end] for ends, matches in say.items() if matches <= 0 for end in ends} - {whole[main]}
    return {image for image, its in part.items() if whole[its] in doubted and image not in held}


def pairs_of(model: pycolmap.Reconstruction, database: Path) -> Iterator[Pair]:
    """The strongest pairs of a model's images, with how much of their matches its poses explain."""
    registered = set(model.reg_image_ids())
    with pycolmap.Database.open(database) as db:
        numbers, geometries = db.read_two_view_geometries()
        found: list[tuple[int, int, NDArray[np.uint32]]] = []
        for number, geometry in zip(numbers, geometries, strict=True):
            one, other = pycolmap.pair_id_to_image_pair(number)
            if len(geometry.inlier_matches) >= FEWEST and one in registered and other in registered:
                found.append((one, other, np.asarray(geometry.inlier_matches)))
        strongest = _strongest(found)
        images = {image for one, other, _ in strongest for image in (one, other)}
        points = {image: db.read_keypoints(image)[:, :2].astype(np.float64) for image in images}
    for one, other, matches in strongest:
        a = _rays(model, one, points[one][matches[:, 0]])
        b = _rays(model, other, points[other][matches[:, 1]])
        yield Pair((one, other), len(matches), _explained(_essential(model, one, other), a, b))


def _parts(joined: Collection[tuple[int, int]], members: Collection[int]) -> dict[int, int]:
    """For each member the number of its part: the lowest of the members that it is joined to."""
    order = np.array(sorted(members))
    ends = np.searchsorted(order, np.array(list(joined), np.int64).reshape(-1, 2))
    graph = coo_matrix((np.ones(len(ends), np.int8), ends.T), shape=(len(order), len(order)))
    _, first, part = np.unique(connected_components(graph, directed=False)[1], return_index=True, return_inverse=True)
    return dict(zip(order.tolist(), order[first[part]].tolist(), strict=True))


def _strongest(found: list[tuple[int, int, NDArray[np.uint32]]]) -> list[tuple[int, int, NDArray[np.uint32]]]:
    """Of the pairs those that are among the `PARTNERS` best of one of their images."""
    taken: Counter[int] = Counter()
    result = []
    for one, other, matches in sorted(found, key=lambda pair: (-len(pair[2]), pair[:2])):
        if min(taken[one], taken[other]) < PARTNERS:
            taken.update((one, other))
            result.append((one, other, matches))
    return result


def _rays(model: pycolmap.Reconstruction, image_id: int, pixels: NDArray[np.float64]) -> Rays:
    """Where an image's pixels [N, 2] are on the plane at distance 1, as [N, 3]."""
    plane = rays(model.camera(model.image(image_id).camera_id), pixels)
    return np.hstack([plane, np.ones((len(plane), 1))])


def _essential(model: pycolmap.Reconstruction, one: int, other: int) -> NDArray[np.float64] | None:
    """The essential matrix [3, 3] of two images' poses; None where both are at one place."""
    relative = (model.image(other).cam_from_world() * model.image(one).cam_from_world().inverse()).matrix()
    length = float(np.linalg.norm(relative[:, 3]))
    return essential_matrix(relative) / length if length >= BASELINE else None


def _explained(essential: NDArray[np.float64] | None, one: Rays, other: Rays) -> float:
    """How many of the matches of two images an essential matrix explains, beside the one that explains the most."""
    if essential is None:
        return 1.0
    those = int((_distances(essential, one, other) < TOLERANCE).sum())
    if those >= CONFIRMED * len(one):
        return 1.0  # no other can explain many more
    _, inliers = cv2.findEssentialMat(
        one[:, :2], other[:, :2], np.eye(3), method=cv2.RANSAC, prob=CERTAINTY, threshold=TOLERANCE
    )
    best = int(np.count_nonzero(inliers)) if inliers is not None else 0
    return those / best if best >= FEWEST else 1.0


def _distances(essential: NDArray[np.float64], one: Rays, other: Rays) -> NDArray[np.float64]:
    """Sampson's distance of matches from their epipolar lines, at a focal length of 1. [N]"""
    in_other, in_one = one @ essential.T, other @ essential
    slope = (in_other[:, :2] ** 2).sum(axis=1) + (in_one[:, :2] ** 2).sum(axis=1)
    return np.asarray(np.abs((other * in_other).sum(axis=1)) / np.sqrt(np.maximum(slope, 1e-20)), np.float64)
