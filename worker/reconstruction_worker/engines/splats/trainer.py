"""Trains Gaussians on whole photos, and knows everything that must be saved to continue as if never interrupted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from ...geometry.rendering import Field
from ..gaussians.field import SplatsField
from ..gaussians.parameters import degree_of
from ..gaussians.rasteriser import Comparison, Rasteriser, Target
from ..training.losses import Losses
from ..training.out_of_memory import exhausted, is_out_of_memory
from ..training.trainer import Schedule
from .adam import correction
from .cloud import Cloud
from .exposures import Exposures
from .photos import Photo, Photos
from .refinement import Refinement
from .schedule import (
    GROWTH_UNTIL,
    REFINED_UNTIL,
    SMALL_UNTIL,
    degree_at,
    rate_of_means,
    rates,
    refined_every,
)
from .settings import FEWEST, gaussians_in_time

SLOWER_LATER, SLOWER_WITH_MORE = 2.5, 1.3
"""How many times as long a step takes on average as the first ones, which look at small photos and few Gaussians; and
where photos are small anyway."""


KEPT_SHARE = 0.75
"""Share of the Gaussians to continue with when memory runs out."""


class SplatsTrainer:
    """A `Trainer`. Each step compares the Gaussians with some photos, one after the other, in an order that has each
    photo once before any comes again."""

    def __init__(
        self,
        cloud: Cloud,
        photos: Photos,
        exposures: Exposures,
        rasteriser: Rasteriser,
        schedule: Schedule,
        extent: float,
        photos_per_step: int,
        seed: int,
    ):
        self.cloud = cloud
        self.photos = photos
        self.exposures = exposures
        self.rasteriser = rasteriser
        self.schedule = schedule
        self.extent = extent
        self.photos_per_step = photos_per_step
        self.device = cloud.device
        self.step = 0
        self.compared = 0
        """Photos that were compared."""
        self.rate_factor = 1.0
        self._degree = degree_of(cloud.parameters)
        self._refinement = Refinement(extent)
        self._random = np.random.default_rng(seed)
        self._queue: list[int] = []

    @property
    def share(self) -> float:
        """Of the training that is over."""
        return self.schedule.share(self.step)

    @property
    def slower_later(self) -> float:
        if self.photos.have_small_ones and self.share < SMALL_UNTIL:
            return SLOWER_LATER
        return SLOWER_WITH_MORE if self.share < GROWTH_UNTIL else 1.0

    @property
    def rate(self) -> float:
        return rate_of_means(self.share, self.extent) * self.rate_factor

    def train_step(self) -> Losses:
        found = [self._compare_one() for _ in range(self.photos_per_step)]
        self.step += 1
        share = self.share
        if self.step % refined_every(self.schedule.steps) == 0 and share < REFINED_UNTIL:
            most = min(self.cloud.most, gaussians_in_time(self.schedule.steps, self.device))
            self._refinement.refine(self.cloud, self._random, most if share < GROWTH_UNTIL else 0)
        if self.step == self.schedule.steps:
            self._refinement.finish(self.cloud, len(self.photos))
        means = np.mean([[one.loss, one.mean_square_error] for one in found], axis=0)
        return Losses(*torch.from_numpy(means))

    def is_finite(self) -> bool:
        return self.cloud.is_finite()

    @contextmanager
    def looking(self) -> Iterator[Field]:
        yield SplatsField(self.cloud.parameters, self.exposures.learnt(), self.rasteriser)

    def state(self) -> dict[str, Any]:
        cloud = self.cloud.state()
        learnt = {name: torch.from_numpy(value) for name, value in self.exposures.learnt().items()}
        return {
            "model": {**cloud.pop("values"), **learnt},
            "cloud": cloud,
            "exposures": self.exposures.state(),
            **self.schedule.state(),
            "compared": self.compared,
            "rate_factor": self.rate_factor,
            "most": self.cloud.most,
            "queue": list(self._queue),
            "random": json.dumps(self._random.bit_generator.state),
        }

    def restore(self, checkpoint: dict[str, Any]) -> None:
        if checkpoint.get("most", self.cloud.most) < self.cloud.most:  # memory ran out
            self.cloud.keep_most_opaque(checkpoint["most"])
        self.cloud.restore({"values": checkpoint["model"], **checkpoint["cloud"]})
        self.exposures.restore(checkpoint["exposures"])
        self.schedule = self.schedule.restored(checkpoint)
        self.compared = checkpoint["compared"]
        self.rate_factor = checkpoint["rate_factor"]
        self._queue = list(checkpoint["queue"])
        self._random.bit_generator.state = json.loads(checkpoint["random"])
        self.step = checkpoint["step"]

    def _compare_one(self) -> Comparison:
        share = self.share
        index = self._next_photo()
        photo = self.photos.at(index, small=share < SMALL_UNTIL)
        background = self._random.random(3).astype(np.float32)
        target = Target(photo.planes, photo.alpha, background, self.exposures.gains(index))
        self.compared += 1
        found = self._moved_by(photo, target)
        self.exposures.learn(index, found.by_gains, share, self.rate_factor)
        return found

    def _moved_by(self, photo: Photo, target: Target) -> Comparison:
        """Compare and take a step, with as many Gaussians as there is memory for."""
        share = self.share
        degree, factor = degree_at(share, self._degree), correction(self.compared) * self.rate_factor
        while True:
            try:
                found = self.rasteriser.compare(self.cloud.parameters, photo.shot, target, degree, self.cloud.slopes)
                self.cloud.step(found.seen, rates(share, self.extent, factor, self._degree))
                return found
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                count = self._fewer(error)
            # Outside of the handler: the exception would keep the comparison's tensors alive.
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            self.cloud.keep_most_opaque(count)

    def _fewer(self, error: BaseException) -> int:
        """How many Gaussians to continue with when there is no memory for those there are."""
        count = self.cloud.count
        if count // 2 < FEWEST:
            what = f"A training step with {count} Gaussians does not fit into memory"
            raise exhausted(self.device, what, gaussians=count) from error
        return int(KEPT_SHARE * count)

    def _next_photo(self) -> int:
        if not self._queue:
            self._queue = self._random.permutation(len(self.photos)).tolist()
        return self._queue.pop()
