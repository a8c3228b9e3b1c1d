"""Whole runs on real photos, made small enough for a test: fewer steps, smaller pictures, a coarser mesh."""

from __future__ import annotations

import os
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo import layout, preparation

from .runs import Document, DrivenRun

SMALL: Document = {
    "engine": "nerfacto",  # slow enough to be stopped in the middle
    "images": {"maxSidePixels": 128},
    "training": {"steps": 80, "checkpointEverySteps": 20, "raysPerStep": 768, "device": "CPU"},
    "mesh": {"targetFaces": 10000, "textureSize": 512},
    "exports": [{"format": "GLB"}],
    # 80 steps with three eighths of the rays, instead of 800: the object, far from sharp
    "quality": {"minPSNR": "17", "minSSIM": "0.65", "warnPSNR": "15", "warnSSIM": "0.5"},
}


def smaller(document: Document, **changes: Any) -> Document:
    """A job with the settings above, and further ones."""
    job = deepcopy(document)
    job["spec"].update(deepcopy(SMALL) | changes)
    return job


@pytest.fixture(scope="session")
def demo_photos() -> Path:
    """The demo's 40 photos."""
    preparation.photos()
    return layout.PHOTOS


@pytest.fixture(scope="session")
def small_demo() -> Document:
    """examples/demo.yaml with smaller settings."""
    return smaller(yaml.safe_load(layout.JOB_FILE.read_text()))


@pytest.fixture(scope="session")
def datasets() -> Path:
    """Folder of the photo sets that tests read: RECONSTRUCTION_DATASETS, or `shared/datasets` beside the repository."""
    folder = Path(os.environ.get("RECONSTRUCTION_DATASETS") or layout.ROOT.parent / "shared" / "datasets")
    if not folder.is_dir():
        pytest.skip("no test photo sets: set RECONSTRUCTION_DATASETS to a folder with drone_brighton_beach")
    return folder


@pytest.fixture(scope="session")
def driven_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Document, Path], DrivenRun]:
    """Makes a run of `recon` in a folder of its own, for a job and the photos that stand for its claim."""

    def make(name: str, job: Document, photos: Path) -> DrivenRun:
        return DrivenRun(tmp_path_factory.mktemp(name), job, photos)

    return make
