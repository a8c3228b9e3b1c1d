"""Real photos from the air, with no setting of their own apart from the size of the test."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import trimesh

from .conftest import smaller
from .runs import Document, DrivenRun, texture_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def drone(driven_run: Callable[[str, Document, Path], DrivenRun], datasets: Path) -> DrivenRun:
    """18 photos of a beach, reconstructed."""
    job = {
        "apiVersion": "reconstruction.dev/v1alpha1",
        "kind": "ReconstructionJob",
        "metadata": {"name": "beach"},
        "spec": {"source": {"persistentVolumeClaim": {"claimName": "photos"}}},
    }
    training = {"steps": 60, "checkpointEverySteps": 60, "raysPerStep": 512, "device": "CPU"}
    small = smaller(job, images={"maxSidePixels": 256}, training=training, quality={"onFailure": "Warn"})
    run = driven_run("drone", small, datasets / "drone_brighton_beach" / "images_960")
    assert run.complete() == 0, run.output
    return run


def test_nearly_all_photos_are_placed(drone: DrivenRun) -> None:
    registration = json.loads((drone.workspace / "poses" / "registration.json").read_text())
    assert registration["total"] == 18
    assert registration["registered"] >= 16


def test_the_quality_is_measured_whatever_it_is(drone: DrivenRun) -> None:
    quality = json.loads((drone.out / "quality.json").read_text())
    assert math.isfinite(quality["psnr"])
    assert quality["psnr"] > 12
    assert quality["verdict"] in ("pass", "warn", "fail")
    assert quality["views"]


def test_the_terrain_is_a_textured_mesh_wider_than_high(drone: DrivenRun) -> None:
    mesh = trimesh.load(drone.out / "model.glb", force="mesh", process=True)
    assert isinstance(mesh, trimesh.Trimesh)
    assert len(mesh.faces) > 1000
    # glTF's up is y
    width, height, depth = mesh.extents
    assert height < 0.5 * max(width, depth)
    assert texture_of(mesh).size == (512, 512)
