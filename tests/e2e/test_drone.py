"""Real photos from the air, with no setting of their own apart from the size of the test."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import laspy
import numpy as np
import pytest
import trimesh
from scipy.spatial import KDTree

from reconstruction_worker.exporters.place import read_place
from reconstruction_worker.geometry.scene import load_scene

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


def test_the_beach_is_where_another_program_has_put_it(drone: DrivenRun, datasets: Path) -> None:
    """Both know the place from the GPS of the photos alone: metres, not centimetres."""
    reference = laspy.read(datasets / "drone_brighton_beach" / "model.laz")
    scale = load_scene(drone.workspace).metres_per_unit
    place = read_place(drone.workspace / "poses", scale)
    assert scale is not None and place is not None
    assert place.epsg == zone_of(reference)
    cloud = trimesh.load(drone.workspace / "poses" / "points.ply")
    assert isinstance(cloud, trimesh.PointCloud)
    found, expected = place.on_map(np.asarray(cloud.vertices) * scale), np.asarray(reference.xyz)
    distance, nearest = KDTree(expected[:, :2]).query(found[:, :2])
    above = distance < 1
    assert above.mean() > 0.9
    heights = found[above, 2] - expected[np.asarray(nearest)[above], 2]
    assert abs(np.median(heights)) < 1.5
    assert np.percentile(np.abs(heights), 90) < 3


def zone_of(cloud: laspy.LasData) -> int:
    """EPSG code of its coordinates."""
    (keys,) = [each for each in cloud.header.vlrs if each.record_id == 34735]
    return {each.id: each.value_offset for each in keys.geo_keys}[3072]


def test_the_terrain_is_a_textured_mesh_wider_than_high(drone: DrivenRun) -> None:
    mesh = trimesh.load(drone.out / "model.glb", force="mesh", process=True)
    assert isinstance(mesh, trimesh.Trimesh)
    assert len(mesh.faces) > 1000
    # glTF's up is y
    width, height, depth = mesh.extents
    assert height < 0.5 * max(width, depth)
    assert texture_of(mesh).size == (512, 512)
