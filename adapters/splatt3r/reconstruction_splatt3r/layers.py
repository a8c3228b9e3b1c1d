"""What the network sees in a photo, as Gaussians in the world, and which of them stay where photos overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from reconstruction_worker.geometry.cameras import project
from reconstruction_worker.geometry.gaussians import Gaussians
from reconstruction_worker.geometry.harmonics import CONSTANT
from reconstruction_worker.geometry.similarity import Similarity

from .squares import Square

SURE: Final = 1.5
"""Confidence below which the network guesses; 1 is the least that it gives."""
SAME: Final = 0.01
"""Share of the distance within which two photos show the same place."""
COMPARED: Final = 2.0
"""Factor between two photos' depths within which they may be of one surface."""
FEWEST_COMPARED: Final = 50
_EDGE: Final = 1e-4


@dataclass(frozen=True)
class Seen:
    """One view of a pair as the network gives it, in the frame of the pair's first camera (OpenCV axes)."""

    points: NDArray[np.float32]  # [H, W, 3]
    confidence: NDArray[np.float32]  # [H, W], at least 1
    means: NDArray[np.float32]  # [H, W, 3]
    scales: NDArray[np.float32]  # [H, W, 3], standard deviations
    rotations: NDArray[np.float32]  # [H, W, 4], x, y, z, w
    harmonics: NDArray[np.float32]  # [H, W, 3], constant ones, on top of the photo's colour
    opacities: NDArray[np.float32]  # [H, W], 0..1

    @property
    def sane(self) -> bool:
        """Whether all of it is numbers."""
        return all(bool(np.isfinite(getattr(self, name)).all()) for name in self.__dataclass_fields__)


@dataclass(frozen=True)
class Layer:
    """The Gaussians of one photo in the world, a pixel each, and its depth map."""

    square: Square
    gaussians: Gaussians  # [H * W]
    confidence: NDArray[np.float32]  # [H, W]
    depth: NDArray[np.float64]  # [H, W], along the camera's axis; 0 where nothing is to be believed

    @property
    def believed(self) -> NDArray[np.bool_]:
        return self.depth > 0


def layer_of(square: Square, seen: Seen, world: Similarity) -> Layer:
    """`world` is that of the pair's alignment."""
    points = world.points(seen.points.reshape(-1, 3).astype(np.float64))
    _, depth = project(square.camera, points)
    believed = square.known & (seen.confidence >= SURE) & (depth.reshape(square.known.shape) > 0)
    shown = np.where(believed, depth.reshape(believed.shape), 0)
    return Layer(square, as_gaussians(square.rgb, seen, world), seen.confidence, shown)


def as_gaussians(rgb: NDArray[np.uint8], seen: Seen, world: Similarity) -> Gaussians:
    """In the world. Their shape is that of the network's scales and rotations, which move with the similarity."""
    turns = Rotation.from_matrix(world.rotation) * Rotation.from_quat(seen.rotations.reshape(-1, 4).astype(np.float64))
    colours = seen.harmonics.reshape(-1, 3) + (rgb.reshape(-1, 3) / 255 - 0.5) / CONSTANT
    return Gaussians(
        means=world.points(seen.means.reshape(-1, 3).astype(np.float64)).astype(np.float32),
        scales=(world.scale * seen.scales.reshape(-1, 3)).astype(np.float32),
        rotations=np.roll(turns.as_quat(), 1, axis=1).astype(np.float32),
        opacities=seen.opacities.ravel().clip(_EDGE, 1 - _EDGE).astype(np.float32),
        harmonics=colours.astype(np.float32)[:, None],
    )


def disagreements(layers: Sequence[Layer]) -> list[float | None]:
    """By how much each photo's depths differ from those of the photo that it agrees with best, as a share: from
    elsewhere, another side of the same place may be seen. None for one that shares too little with any."""
    found: list[float | None] = []
    for layer in layers:
        ratios = [_ratio(layer, other) for other in layers if other is not layer]
        off = [abs(each) for each in ratios if each is not None]
        found.append(min(off) if off else None)
    return found


def together(layers: Sequence[Layer]) -> Gaussians:
    """Of each place what the surest photo shows of it; none that is in front of what a surer photo shows there."""
    parts = [(layer.gaussians, _kept(layer, layers)) for layer in layers]
    return Gaussians(
        means=np.concatenate([each.means[kept] for each, kept in parts]),
        scales=np.concatenate([each.scales[kept] for each, kept in parts]),
        rotations=np.concatenate([each.rotations[kept] for each, kept in parts]),
        opacities=np.concatenate([each.opacities[kept] for each, kept in parts]),
        harmonics=np.concatenate([each.harmonics[kept] for each, kept in parts]),
    )


def _kept(layer: Layer, layers: Sequence[Layer]) -> NDArray[np.bool_]:
    """[H * W]"""
    kept = layer.believed.ravel().copy()
    own = layer.confidence.ravel()
    for other in layers:
        if other is layer:
            continue
        index, pixel, depth = _looked_up(layer, other, np.flatnonzero(kept))
        shown = other.depth.ravel()[pixel]
        surer = other.confidence.ravel()[pixel] > own[index]
        kept[index[(shown > 0) & surer & (depth < shown * (1 + SAME))]] = False
    return kept


def _ratio(layer: Layer, other: Layer) -> float | None:
    """Logarithm of what the other's depths are of this one's, where both may show the same."""
    _, pixel, depth = _looked_up(layer, other, np.flatnonzero(layer.believed.ravel()))
    shown = other.depth.ravel()[pixel]
    both = (shown > depth / COMPARED) & (shown < depth * COMPARED)
    if both.sum() < max(FEWEST_COMPARED, 0.05 * layer.believed.sum()):
        return None
    return float(np.median(np.log(shown[both] / depth[both])))


def _looked_up(
    layer: Layer, other: Layer, index: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Of the Gaussians `index` those that are in the other's picture, the pixel that each is in, and how far away."""
    places, depth = project(other.square.camera, layer.gaussians.means[index].astype(np.float64))
    height, width = other.depth.shape
    cell = np.floor(places).astype(np.int64)
    inside = (depth > 0) & (cell >= 0).all(axis=1) & (cell < [width, height]).all(axis=1)
    return index[inside], cell[inside, 1] * width + cell[inside, 0], depth[inside]
