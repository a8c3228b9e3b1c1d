"""Builds nerfstudio's models without the network."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from torch import nn

METRICS = ("torchmetrics", "torchmetrics.functional", "torchmetrics.image", "torchmetrics.image.lpip")
"""Modules that the models import when they are made."""


class _NoMetric(nn.Module):
    def __init__(self, *_arguments: Any, **_options: Any):
        super().__init__()


class _NoMetrics(ModuleType):
    def __getattr__(self, name: str) -> type[nn.Module]:
        if name.startswith("__"):
            raise AttributeError(name)
        return _NoMetric


@contextmanager
def without_metrics() -> Iterator[None]:
    """nerfstudio's models have metrics of their own. To make them takes the network (AlexNet's weights for LPIPS) and
    five seconds (torchmetrics imports torchvision and SciPy's signals). The worker measures quality itself, so within
    this context models get an empty module in the place of each metric."""
    imported = {name: sys.modules.get(name) for name in METRICS}
    sys.modules.update({name: _NoMetrics(name) for name in METRICS})
    try:
        yield
    finally:
        for name, module in imported.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
