"""Where Gaussians are missing others are put; those that show nothing move there.

After each so many steps: Gaussians are chosen at random, those more often that show more of the photos' error, and
split along their longest axis (Bulò et al. 2024 choose by error, Kheradmand et al. 2024 move what is dead). So their
number follows a plan, whatever the scene: time and memory of a training are known before it begins.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..gaussians.parameters import MEANS, OPACITIES, ROTATIONS, SCALES
from .cloud import Cloud

FAINT = 0.01
"""Opacity below which a Gaussian is dead."""
VAST = 0.5
"""Standard deviation, as a share of the scene's extent, above which it is."""
DISC = 0.2
"""A Gaussian's shortest axis is at most this share of its middle one: discs lie on surfaces. Measured on the demo: 1.2
dB more, and depths with 40 % less error."""
NEEDLE = 10.0
"""Its longest axis is at most this many times its middle one: needles show from elsewhere as spikes."""
GROWTH, LEAST_GROWTH = 0.3, 100
"""How many more there may be after a refinement, as a share of those there are; and besides."""
APART, SHORTER, NARROWER, FAINTER = 0.75, 0.55, 0.85, 0.7
"""How a split leaves two of one: moved by so many standard deviations to both sides, by so much shorter along that
axis, smaller along the others, and less opaque."""
LEAST_LIGHT = 0.01
"""Pixels' worth of light a photo that a Gaussian must give to stay."""
SEEN_OFTEN = 0.5
"""Share of the photos that some Gaussian must have been seen by for that to be judged."""
OPACITY_RANGE = 0.02, 0.98
"""Of what is split."""


@dataclass(frozen=True)
class Refinement:
    """For scenes of one extent (half of the diagonal of their box)."""

    extent: float

    def refine(self, cloud: Cloud, random: np.random.Generator, most: int) -> None:
        """Flatten, then split what shows most error: dead ones become second halves, and new ones up to `most` in
        all."""
        with one_thread():
            _shape(cloud)
            dead = self._dead(cloud)
            chosen = _chosen(cloud, dead, random, most)
            if chosen is not None:
                _split(cloud, *chosen)
        cloud.forget_shown()

    def finish(self, cloud: Cloud, photos: int) -> None:
        """Remove what is dead, and what none of the photos shows, of which so many were looked at since the last
        refinement: floaters, and what is hidden inside of things."""
        gone = np.zeros(cloud.count, np.bool_)
        gone[self._dead(cloud)] = True
        shown = cloud.shown.cpu().numpy()
        if shown[:, 1].max() >= SEEN_OFTEN * photos:
            gone |= shown[:, 2] < LEAST_LIGHT * np.maximum(shown[:, 1], 1)
        if not gone.all():
            cloud.keep(torch.from_numpy(np.flatnonzero(~gone)).to(cloud.device))

    def _dead(self, cloud: Cloud) -> NDArray[np.int64]:
        opacities = cloud.parameters[OPACITIES][:, 0].sigmoid()
        vast = cloud.parameters[SCALES].amax(1) > math.log(VAST * self.extent)
        return ((opacities < FAINT) | vast).nonzero()[:, 0].cpu().numpy()


@contextmanager
def one_thread() -> Iterator[None]:
    """torch's loops over elements differ in the last bits with the number of threads that share them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _shape(cloud: Cloud) -> None:
    """No balls and no needles."""
    scales = cloud.parameters[SCALES]
    ordered, axes = scales.sort(dim=1)
    ordered[:, 0] = torch.minimum(ordered[:, 0], ordered[:, 1] + math.log(DISC))
    ordered[:, 2] = torch.minimum(ordered[:, 2], ordered[:, 1] + math.log(NEEDLE))
    scales.scatter_(1, axes, ordered)


def _chosen(
    cloud: Cloud, dead: NDArray[np.int64], random: np.random.Generator, most: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Gaussians to split, and the places for their second halves; None where there are none."""
    count = cloud.count
    shown = cloud.shown.cpu().numpy().astype(np.float64)
    errors = shown[:, 0] / np.maximum(shown[:, 1], 1)
    errors[dead] = 0
    more = max(0, min(most - count, int(GROWTH * count) + LEAST_GROWTH))
    wanted = min(len(dead) + more, int((errors > 0).sum()))
    if wanted == 0:
        return None
    chosen = random.choice(count, wanted, replace=False, p=errors / errors.sum())
    places = np.concatenate([dead, np.arange(count, count + more)])[:wanted]
    cloud.grow(count + max(0, wanted - len(dead)))
    return chosen, places


def _split(cloud: Cloud, chosen: NDArray[np.int64], places: NDArray[np.int64]) -> None:
    source, target = (torch.from_numpy(rows).to(cloud.device) for rows in (chosen, places))
    scales = cloud.parameters[SCALES][source]
    longest, axis = scales.max(dim=1)
    row = torch.arange(len(source), device=cloud.device)
    along = _axes(cloud.parameters[ROTATIONS][source])[row, :, axis]
    away = along * (longest.exp() * APART)[:, None]
    scales += math.log(NARROWER)
    scales[row, axis] = longest + math.log(SHORTER)
    opacities = (cloud.parameters[OPACITIES][source].sigmoid() * FAINTER).clamp(*OPACITY_RANGE).logit()
    means = cloud.parameters[MEANS][source]
    cloud.copy(source, target)
    cloud.put(MEANS, source, means + away)
    cloud.put(MEANS, target, means - away)
    for rows in (source, target):
        cloud.put(SCALES, rows, scales)
        cloud.put(OPACITIES, rows, opacities)


def _axes(quaternions: torch.Tensor) -> torch.Tensor:
    """Rotation matrices [N, 3, 3]; their columns are the Gaussians' own axes."""
    w, x, y, z = torch.nn.functional.normalize(quaternions, dim=-1).unbind(-1)
    rows = [
        *(1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        *(2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        *(2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    ]
    return torch.stack(rows, -1).view(-1, 3, 3)
