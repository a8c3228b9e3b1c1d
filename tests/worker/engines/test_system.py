"""What the machine says of itself during a training."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from pynvml import NVML_ERROR_NOT_SUPPORTED, NVML_ERROR_UNINITIALIZED, NVMLError

from reconstruction_worker.engines.training.system import SystemSampler


def sampled(monkeypatch: pytest.MonkeyPatch, utilization: object) -> SystemSampler:
    def answer() -> int:
        if isinstance(utilization, Exception):
            raise utilization
        return int(str(utilization))

    monkeypatch.setattr(torch.cuda, "utilization", answer)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 5)
    return SystemSampler(Path(), torch.device("cuda"))


def test_the_use_of_the_gpu_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = sampled(monkeypatch, 70).sample()
    assert (numbers.gpu_percent, numbers.gpu_memory_bytes) == (70.0, 5)


def test_without_the_library_that_asks_it_training_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert sampled(monkeypatch, 70).sample().gpu_percent is None


def test_the_image_has_that_library() -> None:
    lock = (Path(__file__).parents[3] / "requirements" / "worker.txt").read_text()
    assert "\nnvidia-ml-py==" in lock


@pytest.mark.parametrize(
    "error",
    [
        NVMLError(NVML_ERROR_NOT_SUPPORTED),
        NVMLError(NVML_ERROR_UNINITIALIZED),
        ModuleNotFoundError("pynvml"),
        RuntimeError("no driver"),
    ],
    ids=["a part of a GPU", "uninitialised", "not installed", "no driver"],
)
def test_a_driver_without_an_answer_does_not_end_training(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    assert sampled(monkeypatch, error).sample().gpu_percent is None
