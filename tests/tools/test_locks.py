"""What the locks of images hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = "reconstruction-operator (pyproject.toml)"
CUDA = re.compile(r"(nvidia|cuda)-")
REPORTS = "nvidia-ml-py"
"""Asks the driver for numbers; is no part of CUDA."""


def packages(lock: str) -> dict[str, tuple[str, set[str]]]:
    """By name: the version, and who asks for it."""
    found: dict[str, tuple[str, set[str]]] = {}
    name = ""
    for line in (ROOT / "requirements" / lock).read_text().splitlines():
        if pinned := re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;]+)", line):
            name = pinned[1]
            found[name] = pinned[2], set()
        elif asked := re.match(r"    # (?:via |  )(.+)", line):
            found[name][1].add(asked[1])
    return found


def test_only_torch_asks_for_cuda() -> None:
    """So that the lock with a PyTorch for CPUs has nothing of it, and otherwise the same."""
    worker = packages("worker.txt")
    cuda = {name for name in worker if CUDA.match(name)} - {REPORTS}
    assert len(cuda) > 10
    for name in cuda:
        asking = {each for each in worker[name][1] if not each.startswith("-c ")}
        assert asking <= cuda | {"torch"}, name
    assert OURS in worker[REPORTS][1]


def test_docs_count_what_a_pytorch_for_cpus_leaves_out() -> None:
    worker = packages("worker.txt")
    left_out = sum(1 for name in worker if CUDA.match(name) and name != REPORTS)
    text = " ".join((ROOT / "docs" / "gpu.md").read_text().split())
    assert f"{left_out} packages (`nvidia-*`" in text


@pytest.mark.parametrize("lock", ["operator.txt", "cli.txt", "worker.txt", "kernels.txt", "build.txt"])
def test_images_have_the_versions_that_tests_have(lock: str) -> None:
    tested = packages("dev.txt")
    shared = {name: version for name, (version, _) in packages(lock).items() if name in tested}
    assert shared == {name: tested[name][0] for name in shared}


def test_the_compiler_is_of_the_cuda_that_torch_is_for() -> None:
    kernels, worker = packages("kernels.txt"), packages("worker.txt")
    series = {each.rpartition(".")[0] for each in (kernels["nvidia-cuda-nvcc"][0], worker["nvidia-cuda-runtime"][0])}
    assert len(series) == 1


def test_build_arguments_of_the_worker_are_documented() -> None:
    dockerfile = (ROOT / "Dockerfile.worker").read_text()
    text = (ROOT / "docs" / "gpu.md").read_text()
    for name in set(re.findall(r"^ARG ([A-Z_]+)", dockerfile, re.MULTILINE)):
        assert f"`{name}`" in text, name
