"""Models are made without their metrics, and the real metrics are there again afterwards."""

from __future__ import annotations

import importlib
import sys

import pytest
from torch import nn

from reconstruction_worker.engines.training.offline import METRICS, without_metrics


def test_metrics_are_empty_while_a_model_is_made() -> None:
    with without_metrics():
        from torchmetrics.image import PeakSignalNoiseRatio
        from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

        for metric in (PeakSignalNoiseRatio(data_range=1.0), LearnedPerceptualImagePatchSimilarity(normalize=True)):
            assert isinstance(metric, nn.Module)
            assert not metric.state_dict()


@pytest.mark.parametrize("imported", [False, True])
def test_what_was_imported_before_is_what_is_imported_afterwards(
    imported: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    importlib.import_module("torchmetrics.image.lpip")
    if not imported:
        for name in METRICS:
            monkeypatch.delitem(sys.modules, name)
    before = {name: sys.modules.get(name) for name in METRICS}
    with pytest.raises(ZeroDivisionError), without_metrics():
        raise ZeroDivisionError
    assert {name: sys.modules.get(name) for name in METRICS} == before
