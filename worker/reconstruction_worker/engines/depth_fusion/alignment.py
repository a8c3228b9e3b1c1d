"""Depth maps brought to agree: each may be a little too near, too far, too deep or too flat as a whole.

What two maps see of the same surface gives an equation for each point: its distance from the plane of the other map's
surface there (Y. Chen and G. Medioni, "Object modelling by registration of multiple range images", 1992). Cameras stay
where they are; the unknowns are an offset and a stretch of each map along its camera's axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ...geometry.cameras import pixel_rays, project
from ...geometry.field_depth import DepthMap
from ...geometry.matching import ray_lengths
from .measured_maps import with_distance

Array = NDArray[np.float64]
PAIRS = 1_000_000
"""Points that are looked for in other maps, at most, over all maps."""
SAMPLES = 4000
"""Points of a map, at most."""
REACHES = 0.06, 0.05, 0.04, 0.03, 0.025, 0.02
"""Farthest that two surfaces may be apart to be taken for one, round by round, as shares of the scene's size."""
SURE = 0.15
"""Trust (squared cosine to the ray) from which a pixel takes part."""
SAME_WAY = 0.5
"""Cosine between two normals from which they belong to one surface."""
USUAL_OFFSET, USUAL_STRETCH = 0.02, 0.01
"""Standard deviations that are expected of offsets, as a share of the scene's size, and of stretches: without overlap,
a map stays as it is."""
COMMON_SHARE = 0.05
"""Standard deviation of the maps' mean offset, and mean stretch, as a share of these: overlaps hardly notice when an
object is blown up from all sides, and maps are wrong independently."""
INDEPENDENT = 20
"""Points of a map that are wrong independently of one another: neighbours are wrong together."""
GAIN = 0.75
"""Share of the typical gap between maps that must not be left for them to be moved."""
TYPICAL = 1.4826
"""Standard deviation of normal noise in medians of its absolute values."""


@dataclass(frozen=True)
class Aligned:
    """Depth maps after they were moved."""

    maps: list[DepthMap]
    offsets: Array
    """[N] by which each was moved away from its camera, in world units, at its middle."""
    stretches: Array
    """[N] by which each was made deeper about its middle."""
    disagreement: float | None
    """Median distance between the surfaces of two maps where they overlap, in world units; None where none do."""
    overlap: float
    """Share of the maps' points that another map sees too."""


def aligned(maps: Sequence[DepthMap], size: float) -> Aligned:
    """Maps of a scene of a `size` (longest side, world units), moved to where they agree best; as they are, where that
    brings them little closer: then it is noise that keeps them apart."""
    clouds = [_Cloud.of(one, _samples_of_each(len(maps))) for one in maps]
    still = np.zeros((len(maps), 2))
    parameters = still
    for reach in REACHES:
        parameters = parameters + _solved(_equations(clouds, parameters, reach * size), parameters, size)
    before, after = (_equations(clouds, each, REACHES[0] * size) for each in (still, parameters))
    if after.typical_gap > GAIN * before.typical_gap:
        parameters, after = still, before
    moved = [_moved(one, cloud, *both) for one, cloud, both in zip(maps, clouds, parameters, strict=True)]
    asked = sum(len(cloud.depth) for cloud in clouds)
    overlap = len(np.unique(after.rows)) / max(asked, 1)
    return Aligned(moved, parameters[:, 0], parameters[:, 1], after.typical_gap if len(after.gaps) else None, overlap)


@dataclass(frozen=True)
class _Seen:
    """Where a map shows the surface at points that another one knows."""

    index: NDArray[np.int64]  # [M] of the points
    surface: Array  # [M, 3] at the points' pixels
    normals: Array  # [M, 3]
    about: Array  # [M] depth about the map's middle
    rays: Array  # [M, 3] of length one along the camera's axis


@dataclass(frozen=True)
class _Cloud:
    """Some points of a map, and its surface."""

    source: DepthMap
    ray: Array  # [P, 3] from the camera, of length one along its axis
    depth: Array  # [P] along the axis
    normal: Array  # [P, 3] towards the camera
    middle: float
    z: Array  # [H, W] of all pixels, 0 where unknown
    normals: Array  # [H, W, 3]

    @staticmethod
    def of(one: DepthMap, samples: int) -> _Cloud:
        lengths = ray_lengths(one.camera)
        rays, z = pixel_rays(one.camera) * lengths[..., None], one.distance / lengths
        normals = _normals(rays * z[..., None], rays)
        usable = np.flatnonzero(one.shown & (one.trust > SURE))
        some = usable[:: max(1, -(-len(usable) // samples))]
        depth = z.reshape(-1)[some]
        middle = float(np.median(depth)) if len(depth) else 0.0
        return _Cloud(one, rays.reshape(-1, 3)[some], depth, normals.reshape(-1, 3)[some], middle, z, normals)

    def points(self, offset: float, stretch: float) -> Array:
        """In the world, with the map moved."""
        return self._centre + self.ray * self._moved(self.depth, offset, stretch)[:, None]

    def seen(self, points: Array, offset: float, stretch: float) -> _Seen:
        """What the map, moved, shows of points [N, 3]."""
        camera = self.source.camera
        places, away = project(camera, points)
        column, row = np.floor(places).astype(np.int64).T
        inside = (away > 0) & (column >= 0) & (row >= 0) & (column < camera.width) & (row < camera.height)
        index = np.flatnonzero(inside)
        index = index[self._usable[row[index], column[index]]]
        row, column = row[index], column[index]
        local = np.stack([(column + 0.5 - camera.cx) / camera.fx, (camera.cy - row - 0.5) / camera.fy], axis=1)
        ray = np.concatenate([local, np.full((len(local), 1), -1.0)], axis=1) @ camera.camera_to_world[:3, :3].T
        z = self.z[row, column]
        surface = self._centre + ray * self._moved(z, offset, stretch)[:, None]
        return _Seen(index, surface, self.normals[row, column], z - self.middle, ray)

    @property
    def _usable(self) -> NDArray[np.bool_]:
        return self.source.shown & (self.source.trust > SURE)

    @property
    def _centre(self) -> Array:
        return self.source.camera.camera_to_world[:3, 3]

    def _moved(self, z: Array, offset: float, stretch: float) -> Array:
        return z + offset + stretch * (z - self.middle)


@dataclass(frozen=True)
class _Equations:
    """A linear equation for each overlap of two points: what the gap between them becomes."""

    gaps: Array  # [E] signed
    rows: NDArray[np.int64]  # [E] number of the point, over all maps
    columns: NDArray[np.int64]  # [E, 2] numbers of the two maps
    slopes: Array  # [E, 2, 2] of the gap by offset and stretch of either

    @property
    def typical_gap(self) -> float:
        """The median, without signs."""
        return float(np.median(np.abs(self.gaps))) if len(self.gaps) else 0.0


def _equations(clouds: list[_Cloud], parameters: Array, reach: float) -> _Equations:
    firsts = np.cumsum([0, *(len(cloud.depth) for cloud in clouds)])
    parts: list[tuple[Array, NDArray[np.int64], NDArray[np.int64], Array]] = []
    for one, (cloud, (first, _)) in enumerate(zip(clouds, pairwise(firsts), strict=True)):
        points = cloud.points(*parameters[one])
        for other, theirs in enumerate(clouds):
            if other == one:
                continue
            seen = theirs.seen(points, *parameters[other])
            gap = ((points[seen.index] - seen.surface) * seen.normals).sum(axis=1)
            alike = (cloud.normal[seen.index] * seen.normals).sum(axis=1) > SAME_WAY
            kept = alike & (np.abs(gap) < reach)
            index, normals, about = seen.index[kept], seen.normals[kept], seen.about[kept]
            mine = (cloud.ray[index] * normals).sum(axis=1)
            others = -(seen.rays[kept] * normals).sum(axis=1)
            own_about = cloud.depth[index] - cloud.middle
            slopes = np.stack(
                [np.stack([mine, mine * own_about], axis=1), np.stack([others, others * about], axis=1)], axis=1
            )
            columns = np.tile(np.array([one, other]), (len(index), 1))
            parts.append((gap[kept], index + first, columns, slopes))
    if not parts:
        return _Equations(np.zeros(0), np.zeros(0, np.int64), np.zeros((0, 2), np.int64), np.zeros((0, 2, 2)))
    gaps, rows, columns, slopes = (np.concatenate(part) for part in zip(*parts, strict=True))
    return _Equations(gaps, rows, columns, slopes)


def _solved(found: _Equations, parameters: Array, size: float) -> Array:
    """Change of the parameters [N, 2] that makes the gaps smallest, with Cauchy's weights for what does not fit."""
    count = len(parameters)
    if len(found.gaps) == 0:
        return np.zeros_like(parameters)
    deviation = max(TYPICAL * found.typical_gap, 1e-6 * size)
    weights = 1 / (1 + (found.gaps / (2 * deviation)) ** 2) / deviation**2
    normal, right = np.zeros((2 * count, 2 * count)), np.zeros(2 * count)
    places = (2 * found.columns[:, :, None] + np.arange(2)).reshape(-1, 4)
    slopes = found.slopes.reshape(-1, 4)
    for a in range(4):
        np.add.at(right, places[:, a], -weights * slopes[:, a] * found.gaps)
        for b in range(4):
            np.add.at(normal, (places[:, a], places[:, b]), weights * slopes[:, a] * slopes[:, b])
    share = INDEPENDENT / max(len(found.gaps) / max(count, 1), INDEPENDENT)
    usual = np.array([(USUAL_OFFSET * size) ** -2, USUAL_STRETCH**-2])
    together = np.kron(np.full((count, count), 1 / count**2), np.diag(usual / COMMON_SHARE**2))
    held = np.diag(np.tile(usual, count)) + together
    change = np.linalg.solve(share * normal + held, share * right - held @ parameters.reshape(-1))
    return np.asarray(change, np.float64).reshape(-1, 2)


def _moved(one: DepthMap, cloud: _Cloud, offset: float, stretch: float) -> DepthMap:
    lengths = ray_lengths(one.camera)
    z = cloud.z + offset + stretch * (cloud.z - cloud.middle)
    distance = np.where(one.distance > 0, np.maximum(z, 1e-6) * lengths, 0).astype(np.float32)
    return with_distance(one, distance)


def _normals(points: Array, rays: Array) -> Array:
    """Unit normals towards the camera, from central differences. [H, W, 3]"""
    across, down = np.gradient(points, axis=1), np.gradient(points, axis=0)
    normal = np.cross(across, down)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-20)
    return np.where((normal * rays).sum(axis=-1, keepdims=True) > 0, -normal, normal)


def _samples_of_each(count: int) -> int:
    return max(50, min(SAMPLES, PAIRS // max(count * (count - 1), 1)))
