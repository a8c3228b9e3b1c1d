"""Builds nerfstudio's models without the network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torchmetrics.image.lpip
from torch import nn


class _NoMetric(nn.Module):
    def __init__(self, *_arguments: Any, **_options: Any):
        super().__init__()


@contextmanager
def without_perceptual_metric() -> Iterator[None]:
    """nerfstudio's models build the LPIPS metric when they are made, which downloads AlexNet's weights. The worker
    measures quality itself, so within this context models get an empty module in its place."""
    module = torchmetrics.image.lpip
    original = module.LearnedPerceptualImagePatchSimilarity
    module.LearnedPerceptualImagePatchSimilarity = _NoMetric
    try:
        yield
    finally:
        module.LearnedPerceptualImagePatchSimilarity = original
