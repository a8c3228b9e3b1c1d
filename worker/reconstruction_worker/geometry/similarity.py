"""Similarity transforms: rotation, uniform scale, translation."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Similarity:
    """`y = scale * rotation @ x + translation`; `rotation` is [3, 3] and proper."""

    scale: float = 1.0
    rotation: NDArray[np.float64] = field(default_factory=lambda: np.eye(3))
    translation: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))

    def points(self, xyz: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points [..., 3] in the new frame."""
        return self.scale * xyz @ self.rotation.T + self.translation

    def poses(self, world_from_camera: NDArray[np.float64]) -> NDArray[np.float64]:
        """Poses [..., 4, 4] in the new frame; they stay rigid, only their positions are scaled."""
        result = world_from_camera.copy()
        result[..., :3, :3] = self.rotation @ world_from_camera[..., :3, :3]
        result[..., :3, 3] = self.points(world_from_camera[..., :3, 3])
        return result

    def after(self, first: Similarity) -> Similarity:
        """The transform that applies `first`, then this one."""
        return Similarity(
            self.scale * first.scale, self.rotation @ first.rotation, self.points(first.translation[None])[0]
        )

    @property
    def matrix(self) -> NDArray[np.float64]:
        """As a [4, 4] matrix for homogeneous points."""
        result = np.eye(4)
        result[:3, :3] = self.scale * self.rotation
        result[:3, 3] = self.translation
        return result


def fit_similarity(
    source: NDArray[np.float64], target: NDArray[np.float64], weights: NDArray[np.float64] | None = None
) -> Similarity:
    """The least-squares similarity from points `source` [N, 3] to `target` [N, 3] (Umeyama, 1991), whose squared
    distances count by `weights` [N], or all alike. The points must not coincide; where they are collinear, the turn
    about their line is arbitrary."""
    share = np.full((len(source), 1), 1 / len(source)) if weights is None else weights[:, None] / weights.sum()
    source_mean, target_mean = (share * source).sum(axis=0), (share * target).sum(axis=0)
    a, b = source - source_mean, target - target_mean
    u, singular, vt = np.linalg.svd((share * b).T @ a)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ np.diag(signs) @ vt
    scale = float((singular * signs).sum() / (share * a**2).sum())
    return Similarity(scale, rotation, target_mean - scale * rotation @ source_mean)
