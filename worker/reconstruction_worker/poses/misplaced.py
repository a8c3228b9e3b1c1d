"""Which photos of a model are not where what they have in common with the others says.

A photo that was placed by a few wrong points takes those that follow it along: a street falls into two halves, each
right by itself, with small reprojection errors everywhere, for the points that would contradict were left out. The
matches between the halves still do: a pair's matches lie on the epipolar lines of its true pose (Hartley and Zisserman
2004, section 9.2), whatever their depths are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pycolmap
from numpy.typing import NDArray

FEWEST: Final = 30
"""Matches of a pair that count: fewer may all be wrong."""
PARTNERS: Final = 12
"""Pairs of a photo that are looked at, those with the most matches."""
TOLERANCE: Final = 0.008
"""Distance of a match from its epipolar line, relative to the focal length: models bend, and lenses are guesses."""
CONFIRMED, CONTRADICTED = 0.5, 0.25
"""Share of a pair's matches that lie on their lines, from which the poses are confirmed, and below which they are
contradicted: some of them lie on any line."""
TELLING: Final = 1 / 3
"""Share of the images that the largest part must have for the others to be doubted: where there is none so large, it is
the lens that is not known well enough for epipolar lines to tell anything."""
BASELINE: Final = 1e-9


@dataclass(frozen=True)
class Pair:
    """What matches say of the poses of two images."""

    images: tuple[int, int]
    matches: int
    share: float
    """Of the matches, those that lie on their epipolar lines."""


def remove_misplaced(model: pycolmap.Reconstruction, database: Path, hold: Collection[str] = ()) -> None:
    """Take out of a model the photos that matches do not join to most of the others, but contradict. What has too few
    matches to tell stays, and so do the photos named in `hold`."""
    held = {image_id for image_id in model.reg_image_ids() if model.image(image_id).name in hold}
    for image_id in misplaced(list(_pairs(model, database)), held):
        frame_id = model.image(image_id).frame_id
        if model.frame(frame_id).has_pose():
            model.deregister_frame(frame_id)


def misplaced(pairs: Collection[Pair], held: Collection[int] = ()) -> set[int]:
    """Images that confirmed pairs do not join to the largest part, or to the one with most of those that are `held`,
    where more matches contradict their place beside it than leave it open."""
    joined = [pair.images for pair in pairs if pair.share >= CONFIRMED]
    part = _parts(joined, {image for pair in pairs for image in pair.images})
    if len(set(part.values())) < 2:
        return set()
    sizes = Counter(part.values())
    main = max(sizes, key=lambda one: (sum(part.get(image) == one for image in held), sizes[one], -one))
    if sizes[main] < TELLING * len(part):
        return set()
    against: Counter[int] = Counter()
    for pair in pairs:
        one, other = (part[image] for image in pair.images)
        if (one == main) == (other == main):
            continue
        against[other if one == main else one] += pair.matches if pair.share < CONTRADICTED else -pair.matches
    return {image for image, its in part.items() if against[its] > 0 and image not in held}


def _parts(joined: Collection[tuple[int, int]], images: Collection[int]) -> dict[int, int]:
    """For each image the number of its part: the lowest of the images that it is joined to."""
    part = {image: image for image in images}

    def root(image: int) -> int:
        while part[image] != image:
            part[image] = part[part[image]]
            image = part[image]
        return image

    for one, other in joined:
        low, high = sorted((root(one), root(other)))
        part[high] = low
    return {image: root(image) for image in images}


def _pairs(model: pycolmap.Reconstruction, database: Path) -> Iterator[Pair]:
    """The strongest pairs of a model's images, with what of their matches its poses explain."""
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
        distance = _epipolar_distances(model, (one, other), points[one][matches[:, 0]], points[other][matches[:, 1]])
        yield Pair((one, other), len(matches), float((distance < TOLERANCE).mean()))


def _strongest(found: list[tuple[int, int, NDArray[np.uint32]]]) -> list[tuple[int, int, NDArray[np.uint32]]]:
    """Of the pairs those that are among an image's `PARTNERS` best."""
    taken: Counter[int] = Counter()
    result = []
    for one, other, matches in sorted(found, key=lambda pair: (-len(pair[2]), pair[:2])):
        if min(taken[one], taken[other]) < PARTNERS:
            taken.update((one, other))
            result.append((one, other, matches))
    return result


def _epipolar_distances(
    model: pycolmap.Reconstruction, pair: tuple[int, int], points: NDArray[np.float64], theirs: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sampson's distance of matched pixels [N, 2] of two images from the epipolar lines of their poses, at a focal
    length of 1; 0 where the images are from one place. [N]"""
    one, other = (model.image(image) for image in pair)
    relative = other.cam_from_world() * one.cam_from_world().inverse()
    length = float(np.linalg.norm(relative.translation))
    if length < BASELINE:
        return np.zeros(len(points))
    x, y, z = relative.translation / length
    essential = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ relative.rotation.matrix()
    a, b = (_rays(model, image, seen) for image, seen in ((one, points), (other, theirs)))
    in_other, in_one = a @ essential.T, b @ essential
    slope = (in_other[:, :2] ** 2).sum(axis=1) + (in_one[:, :2] ** 2).sum(axis=1)
    return np.asarray(np.abs((b * in_other).sum(axis=1)) / np.sqrt(np.maximum(slope, 1e-20)), np.float64)


def _rays(model: pycolmap.Reconstruction, image: pycolmap.Image, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where an image's pixels [N, 2] are on the plane at distance 1, as [N, 3]."""
    plane = np.asarray(model.camera(image.camera_id).cam_from_img(pixels), np.float64)
    return np.concatenate([plane, np.ones((len(plane), 1))], axis=1)
