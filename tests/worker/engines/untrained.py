"""A training on the CPU as `TrainableEngine.fit` sets it up, before its first step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from reconstruction_worker.engines.training.fit import Method, Setup, _bounds
from reconstruction_worker.engines.training.posed_photos import read_scene

from .tiny_scene import context

CPU = torch.device("cpu")


def set_up(method: Method, workspace: Path, **training: Any) -> Setup:
    """For the photos in the workspace's `poses/`; `training` are fields of `spec.training`."""
    scene = read_scene(workspace)
    photos = list(scene.photos)
    pictures = [photo.pixels() for photo in photos]
    wanted = context(workspace, training=training).spec.training
    bounds = _bounds(scene, [photo.camera for photo in photos], pictures)
    return Setup(scene, photos, pictures, bounds, method.settings(scene, bounds, wanted, CPU), wanted, CPU)
