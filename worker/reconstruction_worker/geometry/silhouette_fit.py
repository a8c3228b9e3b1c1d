"""Where an object of known shape is among posed photos, when neither its pose nor its size is known: what its
silhouettes and, where there are some, measured points say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import Final

import cv2
import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from .cameras import pixel_rays, project
from .mesh import Mesh
from .raycast import Caster
from .rendering import Camera
from .similarity import Similarity, fit_similarity

COARSE, FINE = 96, 192
"""Longer side of silhouettes in pixels: while searching, and of those that are compared in the end."""
SAMPLES, CLOSE_SAMPLES = 4000, 20_000
"""Points of the surface that stand for it: while silhouettes are compared, and before measured points."""
REFINED: Final = 3
"""Orientations of 24 that are looked at more closely."""
STEPS: Final = (0.25, 0.25, 0.25, 0.06, 0.06, 0.06, 0.06)
"""First steps of the search: turns in radians, logarithm of the size, shifts in sizes of the object."""
GLANCES, LOOKS = 120, 260
"""Evaluations for each of these, and for the best of them."""
ROUNDS: Final = 20
NEAREST: Final = 0.8
"""Share of the measured points, the nearest ones, that a shape is drawn to: it may lack parts, and points
may be wrong."""


@dataclass(frozen=True)
class SilhouetteFit:
    """`world` takes the shape to where the photos show it."""

    world: Similarity
    agreement: float
    """Mean over the photos of what silhouette and mask have in common, as a share of what either covers (IoU)."""


@dataclass(frozen=True)
class _Outline:
    camera: Camera
    mask: NDArray[np.bool_]  # [H, W] of the camera


def fit_to_silhouettes(mesh: Mesh, cameras: Sequence[Camera], masks: Sequence[NDArray[np.bool_]]) -> SilhouetteFit:
    """Of a shape in any unit whose axes may be those of the world in any order: the best of 24 orientations, made
    better. `masks` [H, W] are as large as the photos, and show something."""
    outlines = [_small(camera, mask, COARSE) for camera, mask in zip(cameras, masks, strict=True)]
    points = _samples(mesh, SAMPLES)
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    points = points - middle
    centre = _middle(outlines)
    starts = []
    for rotation in _axis_orientations():
        guess = _sized(points, Similarity(1.0, rotation, centre), outlines)
        starts.append((_agreement(points, guess, outlines), len(starts), guess))
    starts.sort(key=lambda each: -each[0])
    tuned = [_refined(points, guess, outlines, 1.0, GLANCES) for _, _, guess in starts[:REFINED]]
    best = max(tuned, key=lambda guess: _agreement(points, guess, outlines))
    best = _refined(points, best, outlines, 0.3, LOOKS)
    world = best.after(Similarity(translation=-middle))
    return SilhouetteFit(world, silhouette_agreement(mesh, world, cameras, masks))


def fit_to_points(mesh: Mesh, start: Similarity, points: NDArray[np.float64]) -> Similarity:
    """From where silhouettes have placed the shape to where it lies on measured points [N, 3] of its surface (iterative
    closest points: Besl and McKay 1992, with a similarity)."""
    own = _samples(mesh, CLOSE_SAMPLES)
    found = start
    for _ in range(ROUNDS):
        distance, nearest = KDTree(found.points(own)).query(points)
        near = np.flatnonzero(distance <= np.quantile(distance, NEAREST))
        found = fit_similarity(own[np.asarray(nearest)[near]], points[near])
    return found


def silhouette_agreement(
    mesh: Mesh, world: Similarity, cameras: Sequence[Camera], masks: Sequence[NDArray[np.bool_]]
) -> float:
    """Mean IoU of the shape's true silhouettes and the masks."""
    caster = Caster(Mesh(world.points(mesh.vertices), mesh.faces))
    shares = []
    for camera, mask in zip(cameras, masks, strict=True):
        outline = _small(camera, mask, FINE)
        shares.append(_iou(caster.view(outline.camera).hit, outline.mask))
    return float(np.mean(shares))


def _small(camera: Camera, mask: NDArray[np.bool_], side: int) -> _Outline:
    small = camera.scaled(min(1.0, side / max(camera.width, camera.height)))
    shown = cv2.resize(mask.astype(np.float32), (small.width, small.height), interpolation=cv2.INTER_AREA)
    return _Outline(small, np.asarray(shown >= 0.5))


def _samples(mesh: Mesh, count: int) -> NDArray[np.float64]:
    """Spread evenly over the surface."""
    whole = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    return np.asarray(trimesh.sample.sample_surface(whole, count, seed=0)[0], np.float64)


def _axis_orientations() -> Iterator[NDArray[np.float64]]:
    """The 24 rotations that take axes to axes."""
    for order in permutations(range(3)):
        for signs in product((1.0, -1.0), repeat=3):
            rotation = np.zeros((3, 3))
            rotation[range(3), order] = signs
            if np.linalg.det(rotation) > 0:
                yield rotation


def _middle(outlines: Sequence[_Outline]) -> NDArray[np.float64]:
    """The place that is nearest to the rays through the middles of all masks. [3]"""
    total, target = np.zeros((3, 3)), np.zeros(3)
    for outline in outlines:
        rows, columns = np.nonzero(outline.mask)
        if len(rows) == 0:
            continue
        row, column = (rows.min() + rows.max()) // 2, (columns.min() + columns.max()) // 2
        ray = pixel_rays(outline.camera)[row, column]
        across = np.eye(3) - np.outer(ray, ray)
        total += across
        target += across @ outline.camera.camera_to_world[:3, 3]
    return np.asarray(np.linalg.lstsq(total, target, rcond=None)[0], np.float64)


def _sized(points: NDArray[np.float64], guess: Similarity, outlines: Sequence[_Outline]) -> Similarity:
    """With silhouettes as long as the masks, in the median."""
    shown = guess.points(points)
    factors = []
    for outline in outlines:
        places, depth = project(outline.camera, shown)
        rows, columns = np.nonzero(outline.mask)
        if len(rows) == 0 or (depth <= 0).any():
            continue
        wanted = max(np.ptp(rows), np.ptp(columns)) + 1
        factors.append(wanted / max(float(np.ptp(places, axis=0).max()), 1e-9))
    if not factors:  # some camera is inside of a shape of that size
        return _sized(points, Similarity(guess.scale / 2, guess.rotation, guess.translation), outlines)
    return Similarity(guess.scale * float(np.median(factors)), guess.rotation, guess.translation)


def _refined(
    points: NDArray[np.float64], guess: Similarity, outlines: Sequence[_Outline], share: float, evaluations: int
) -> Similarity:
    """Turned, scaled and shifted until silhouettes fit best; the first steps are a `share` of the usual ones."""
    size = guess.scale * float(np.ptp(points, axis=0).max())

    def of(x: NDArray[np.float64]) -> Similarity:
        turn = Rotation.from_rotvec(x[:3]).as_matrix()
        scale = guess.scale * float(np.exp(x[3]))
        return Similarity(scale, turn @ guess.rotation, guess.translation + size * x[4:])

    def lack(x: NDArray[np.float64]) -> float:
        return 1 - _agreement(points, of(x), outlines)

    simplex = np.vstack([np.zeros(len(STEPS)), share * np.diag(STEPS)])
    options = {"initial_simplex": simplex, "maxfev": evaluations, "xatol": 1e-4, "fatol": 1e-5}
    return of(np.asarray(minimize(lack, simplex[0], method="Nelder-Mead", options=options).x))


def _agreement(points: NDArray[np.float64], guess: Similarity, outlines: Sequence[_Outline]) -> float:
    """Mean IoU of the masks and what points of the surface cover."""
    placed = guess.points(points)
    return float(np.mean([_iou(_covered(outline, placed), outline.mask) for outline in outlines]))


def _covered(outline: _Outline, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The pixels that points cover, without gaps between neighbours. [H, W]"""
    places, depth = project(outline.camera, points)
    height, width = outline.mask.shape
    cell = np.floor(places).astype(np.int64)
    inside = (depth > 0) & (cell >= 0).all(axis=1) & (cell < [width, height]).all(axis=1)
    picture = np.zeros((height, width), np.uint8)
    picture[cell[inside, 1], cell[inside, 0]] = 1
    return cv2.morphologyEx(picture, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)) > 0


def _iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    either = int((one | other).sum())
    return int((one & other).sum()) / either if either else 0.0
