import numpy as np
import torch

from reconstruction_worker.engines.rays.rays import CameraRig
from reconstruction_worker.engines.training.scene_bounds import Bounds
from reconstruction_worker.geometry.rendering import Camera
from tests.worker.engines.tiny_scene import look_at_origin

BOX = ((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0))


def rays_of(camera: Camera, *pixels: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    columns, rows = torch.tensor(pixels).T
    return CameraRig([camera], torch.device("cpu")).rays(torch.zeros_like(rows), columns, rows)


def test_the_ray_through_a_pixels_centre_projects_back_onto_it() -> None:
    camera = Camera(look_at_origin(0.7, 0.4), 120.0, 110.0, 31.0, 22.5, 64, 48)
    origins, directions = rays_of(camera, (0, 0), (63, 47), (20, 5))
    points = (origins + 2.5 * directions).numpy()
    local = np.linalg.inv(camera.camera_to_world) @ np.concatenate([points, np.ones((3, 1))], 1).T
    u = camera.cx + camera.fx * local[0] / -local[2]
    v = camera.cy - camera.fy * local[1] / -local[2]
    np.testing.assert_allclose(np.stack([u, v], 1), [[0.5, 0.5], [63.5, 47.5], [20.5, 5.5]], atol=1e-3)


def test_a_bounded_ray_is_sampled_inside_the_box_only() -> None:
    near, far = Bounds(0.1, 9.0, BOX).interval(torch.tensor([[3.0, 0.0, 0.0]]), torch.tensor([[-1.0, 0.0, 0.0]]))
    assert (near.item(), far.item()) == (2.0, 4.0)


def test_a_ray_that_passes_the_box_has_an_empty_interval() -> None:
    near, far = Bounds(0.1, 9.0, BOX).interval(torch.tensor([[3.0, 2.0, 0.0]]), torch.tensor([[-1.0, 0.0, 0.0]]))
    assert far.item() < near.item()


def test_a_camera_inside_the_box_starts_at_the_near_distance() -> None:
    near, far = Bounds(0.1, 9.0, BOX).interval(torch.zeros(1, 3), torch.tensor([[0.0, 0.6, 0.8]]))
    np.testing.assert_allclose((near.item(), far.item()), (0.1, 1.25), rtol=1e-6)


def test_an_open_scene_is_sampled_between_its_near_and_far_distance() -> None:
    near, far = Bounds(0.5, 7.0, None).interval(torch.zeros(2, 3), torch.eye(3)[:2])
    assert near.tolist() == [[0.5], [0.5]]
    assert far.tolist() == [[7.0], [7.0]]
