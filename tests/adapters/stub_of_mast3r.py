"""A stub in the place of Splatt3R's network (`mast3r/model.py`): it knows the photos of `truth.npz`, and gives what
they show, in the frame of a pair's first camera and in a unit that differs from pair to pair. `wrong` beside it says
what goes wrong."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).parents[3]
WRONG = (ROOT / "wrong").read_text() if (ROOT / "wrong").exists() else ""
SPREAD = np.array([0.02, 0.01, 0.004])
"""Standard deviations along the axes of the world, in the world's unit."""


def unit(first: int, second: int) -> float:
    """World units for one of the network's."""
    return 0.6 + 0.1 * ((3 * first + second) % 5)


def quaternion(matrix: np.ndarray) -> np.ndarray:
    """x, y, z, w"""
    w = np.sqrt(max(0.0, 1 + np.trace(matrix))) / 2
    if w < 1e-3:
        values, vectors = np.linalg.eigh(matrix + matrix.T)
        return np.append(vectors[:, np.argmax(values)], 0.0)
    x, y, z = matrix[2, 1] - matrix[1, 2], matrix[0, 2] - matrix[2, 0], matrix[1, 0] - matrix[0, 1]
    return np.array([x / (4 * w), y / (4 * w), z / (4 * w), w])


class AsymmetricMASt3R(torch.nn.Module):
    def __init__(self, **settings: Any):
        super().__init__()
        (ROOT / "settings.json").write_text(json.dumps({name: str(each) for name, each in settings.items()}))
        self.scale = torch.nn.Parameter(torch.zeros(1))
        with np.load(ROOT / "truth.npz") as file:
            self.truth = {name: file[name] for name in file.files}
        if WRONG not in ("", "slow", "nan", "unsure", "nearer"):
            raise RuntimeError(WRONG)

    def _encode_image(self, picture: torch.Tensor, true_shape: torch.Tensor) -> tuple[Any, Any, None]:
        assert picture.ndim == 4 and picture.min() >= -1 and picture.max() <= 1
        rgb = ((picture[0].permute(1, 2, 0) + 1) / 2 * 255).round().numpy()
        off = [np.abs(rgb - photo).max() for photo in self.truth["rgb"].astype(float)]
        assert min(off) < 1
        return torch.tensor([int(np.argmin(off))]), true_shape, None

    def _decoder(self, one: Any, _: Any, two: Any, __: Any) -> tuple[list[Any], list[Any]]:
        if WRONG == "slow":
            time.sleep(0.7)
        return [one, two], [one, two]

    def _downstream_head(self, number: int, decoded: list[Any], shape: torch.Tensor) -> dict[str, torch.Tensor]:
        first, second = (int(each) for each in decoded)
        shown = (first, second)[number - 1]
        camera_from_world = self.truth["camera_from_world"][first]
        points, hit = self.truth["points"][shown], self.truth["hit"][shown]
        local = points @ camera_from_world[:3, :3].T + camera_from_world[:3, 3]
        if WRONG == "nearer" and number == 1 and first == 0:
            local = local * 0.6
        local = np.where(hit[..., None], local, [0.0, 0.0, 9.0]) / unit(first, second)
        if WRONG == "nan":
            local[3, 3] = np.nan
        height, width = hit.shape
        turn = quaternion(camera_from_world[:3, :3])
        sure = np.where(hit, 2.0 + self.truth["facing"][shown], 1.0)
        arrays = {
            "pts3d": local,
            "conf": np.ones_like(sure) if WRONG == "unsure" else sure,
            "means": local,
            "scales": np.broadcast_to(SPREAD / unit(first, second), (height, width, 3)),
            "rotations": np.broadcast_to(turn, (height, width, 4)),
            "sh": np.full((height, width, 3, 1), 0.01),
            "opacities": np.full((height, width, 1), 0.9),
        }
        return {name: torch.from_numpy(np.array(each, np.float32))[None] for name, each in arrays.items()}
