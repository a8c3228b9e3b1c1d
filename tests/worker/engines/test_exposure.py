"""Photos with different exposures, and pixels with known distances."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from reconstruction_worker.engines.rays.exposure import ExposureResponse
from reconstruction_worker.engines.rays.keypoints import find_keypoints
from reconstruction_worker.engines.rays.pixels import PhotoPixels
from reconstruction_worker.engines.training.exposures import relative
from reconstruction_worker.engines.training.posed_photos import read_scene
from reconstruction_worker.engines.training.scene_bounds import Bounds
from tests.worker.engines.tiny_scene import write_ball


def test_exposures_count_against_the_median_photo() -> None:
    assert relative([1.0, 2.0, 4.0]) == pytest.approx([-np.log(2), 0, np.log(2)])


@pytest.mark.parametrize("exposures", [[1.0, None, 4.0], [1.0, 0.0, 2.0], []])
def test_exposures_say_nothing_unless_all_are_known(exposures: list[float | None]) -> None:
    assert relative(exposures) == [0.0] * len(exposures)


def test_the_response_is_learnt_and_leaves_the_median_photo_alone() -> None:
    response = ExposureResponse()
    optimizer = torch.optim.Adam(response.parameters(), lr=0.02)
    exposures = torch.tensor([[-1.0], [0.0], [0.5]])
    wanted = torch.exp(exposures * torch.tensor([0.6, 0.5, 0.3]))
    for _ in range(300):
        optimizer.zero_grad()
        ((response(exposures) - wanted) ** 2).sum().backward()
        optimizer.step()
    assert response(exposures).tolist() == [pytest.approx(row, abs=0.01) for row in wanted.tolist()]
    assert response(torch.zeros(1, 1)).tolist() == [[1.0, 1.0, 1.0]]


def with_tracks(workspace: Path) -> None:
    """Points on a sphere's surface, each seen by the first three photos, and exposures."""
    write_ball(workspace, views=4, size=32, alpha=False)
    random = np.random.default_rng(0)
    points = random.normal(size=(60, 3))
    points *= 0.6 / np.linalg.norm(points, axis=1, keepdims=True)
    frame, point = np.repeat(np.arange(3), 60), np.tile(np.arange(60), 3)
    np.savez(workspace / "poses" / "observations.npz", points=points, frame=frame, point=point)
    file = workspace / "poses" / "transforms.json"
    document = json.loads(file.read_text())
    for index, entry in enumerate(document["frames"]):
        entry["exposure"] = 2.0**index
    file.write_text(json.dumps(document))


def test_keypoints_are_the_pixels_that_show_the_points_at_their_distances(tmp_path: Path) -> None:
    with_tracks(tmp_path)
    scene = read_scene(tmp_path)
    found = find_keypoints(scene, scene.photos[1:])
    assert set(found.views.tolist()) == {0, 1}
    pixels = PhotoPixels(
        [photo.camera for photo in scene.photos[1:]],
        [photo.pixels() for photo in scene.photos[1:]],
        Bounds(scene.near, scene.far),
        torch.device("cpu"),
        seed=1,
        keypoints=[found],
    )
    rays, _ = pixels.sample(512)
    assert rays.surface is not None
    known = rays.surface[:, 0] > 0
    assert known.sum() == 51
    reached = rays.origins[known] + rays.directions[known] * rays.surface[known]
    gaps = torch.cdist(reached.double(), torch.from_numpy(scene.points)).min(dim=1).values
    assert gaps.max() < 3.6 / scene.photos[0].camera.fx  # within a pixel's diagonal at the farthest point
    brighter = rays.log_exposures[:, 0] - scene.photos[1].camera.log_exposure
    assert set(brighter.div(np.log(2)).round().int().tolist()) == {0, 1, 2}


def test_tracks_of_another_model_are_refused(tmp_path: Path) -> None:
    with_tracks(tmp_path)
    np.savez(tmp_path / "poses" / "observations.npz", points=np.zeros((1, 3)), frame=[0], point=[1])
    with pytest.raises(Exception, match=r"observations\.npz belongs to another model"):
        read_scene(tmp_path)
