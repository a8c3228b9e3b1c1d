import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from reconstruction_worker.engines.training.checkpoint_store import load_checkpoint
from reconstruction_worker.engines.training.visual_hull import VisualHull, carve
from reconstruction_worker.geometry.rendering import Camera
from reconstruction_worker.stages import train
from tests.worker.engines.tiny_scene import DISTANCE, RADIUS, ball, context, look_at_origin, write_ball

BOX = np.array([[-1.0, -1, -1], [1, 1, 1]])
SIZE = 80


def cameras(count: int = 14) -> list[Camera]:
    poses = [look_at_origin(2 * np.pi * i / count, 1.1 * np.sin(5.0 * i)) for i in range(count)]
    return [Camera(pose, 100, 100, SIZE / 2, SIZE / 2, SIZE, SIZE) for pose in poses]


def masks(views: list[Camera]) -> list[np.ndarray]:
    return [(ball(view.camera_to_world, view.fx, SIZE)[..., 3] * 255).astype(np.uint8) for view in views]


@pytest.fixture(scope="module")
def hull() -> VisualHull:
    result = carve(cameras(), masks(cameras()), BOX)
    assert result is not None
    return result


def cells_within(hull: VisualHull, radius: float) -> torch.Tensor:
    """Whether cells nearer to the origin than `radius` are occupied."""
    side = hull.occupied.shape[0]
    axis = (torch.arange(side) + 0.5) / side * 2 - 1
    return hull.occupied[torch.cartesian_prod(axis, axis, axis).norm(dim=1).view(side, side, side) < radius]


def test_the_object_is_never_cut(hull: VisualHull) -> None:
    assert cells_within(hull, RADIUS).all()


def test_most_of_the_empty_space_is_cut(hull: VisualHull) -> None:
    volume = 4 / 3 * np.pi * RADIUS**3 / 8
    assert float(hull.occupied.float().mean()) < 1.8 * volume


def test_one_wrong_mask_among_many_cuts_nothing_away() -> None:
    views = cameras(24)
    alphas = masks(views)
    alphas[3] = np.zeros_like(alphas[3])
    hull = carve(views, alphas, BOX)
    assert hull is not None
    assert cells_within(hull, RADIUS).all()


def test_each_cell_is_looked_up_where_its_centre_is_seen() -> None:
    """One photo from the right, whose left half shows the object: to its left is -y, as z is up."""
    from_the_right = np.array([[0.0, 0, 1, 3], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    alpha = np.zeros((SIZE, SIZE), np.uint8)
    alpha[:, : SIZE // 2] = 255
    hull = carve([Camera(from_the_right, 100, 100, SIZE / 2, SIZE / 2, SIZE, SIZE)], [alpha], BOX)
    assert hull is not None
    middle = hull.occupied.shape[1] // 2
    in_sight = hull.occupied[:middle, :, middle]  # x below 0: all of it in the picture
    assert in_sight[:, middle // 2 : middle - 12].all()
    assert not in_sight[:, middle + 12 :].any()


def test_masks_that_contradict_each_other_everywhere_give_no_hull() -> None:
    assert carve(cameras(), [np.zeros((SIZE, SIZE), np.uint8)] * 14, BOX) is None


def test_rays_are_narrowed_to_the_object(hull: VisualHull) -> None:
    origins = torch.tensor([[3.0, 0.0, 0.0], [3.0, 0.0, 0.95]])
    directions = torch.tensor([[-1.0, 0.0, 0.0]]).expand(2, 3)
    near, far = hull.narrow(origins, directions, torch.full((2, 1), 2.0), torch.full((2, 1), 4.0))
    assert DISTANCE - 1.4 * RADIUS < near[0].item() <= DISTANCE - RADIUS
    assert DISTANCE + RADIUS <= far[0].item() < DISTANCE + 1.4 * RADIUS
    assert far[1].item() <= near[1].item()


def test_a_ray_that_passes_the_box_stays_empty(hull: VisualHull) -> None:
    origin, direction = torch.tensor([[3.0, 0.0, 0.0]]), torch.tensor([[0.0, 1.0, 0.0]])
    for narrow in (hull.narrow, hull._narrow_by_torch):
        near, far = narrow(origin, direction, torch.tensor([[5.0]]), torch.tensor([[2.0]]))
        assert far.item() <= near.item()


def test_the_compiled_and_the_tensor_version_agree(hull: VisualHull) -> None:
    random = torch.Generator().manual_seed(4)
    origins = torch.nn.functional.normalize(torch.randn(500, 3, generator=random), dim=1) * DISTANCE
    directions = torch.nn.functional.normalize(torch.randn(500, 3, generator=random) * 0.3 - origins, dim=1)
    near, far = torch.full((500, 1), 1.3), torch.full((500, 1), 4.7)
    one, other = hull.narrow(origins, directions, near, far), hull._narrow_by_torch(origins, directions, near, far)
    # A point on the border of two cells may fall to either side.
    same = [(a - b).abs()[:, 0] < 1e-4 for a, b in zip(one, other, strict=True)]
    assert float((same[0] & same[1]).float().mean()) > 0.98


def test_a_hull_survives_its_checkpoint(hull: VisualHull) -> None:
    again = VisualHull.from_state(hull.state())
    assert torch.equal(again.occupied, hull.occupied)
    assert torch.equal(again.box, hull.box)


def test_a_photo_without_a_mask_is_trained_around_and_says_nothing_about_the_hull(tmp_path: Path) -> None:
    write_ball(tmp_path, views=10, size=24)
    file = tmp_path / "poses" / "transforms.json"
    document = json.loads(file.read_text())
    document["frames"][3]["hasAlpha"] = False
    file.write_text(json.dumps(document))
    picture = tmp_path / document["frames"][3]["file_path"]
    Image.open(picture).convert("RGB").save(picture)
    train.run(context(tmp_path, training={"steps": 1, "device": "CPU", "raysPerStep": 256}))
    split = json.loads((tmp_path / "train" / "split.json").read_text())
    assert len(split["train"]) + len(split["eval"]) == 9
    assert "ball_03.png" not in split["train"] + split["eval"]
    assert load_checkpoint(tmp_path / "train" / "checkpoints" / "step-000001.ckpt")["bounds"]["hull"] is not None
