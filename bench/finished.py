"""What a finished run has left in its workspace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reconstruction_api.stages import StageName
from reconstruction_worker.exporters.textured_model import load_model
from reconstruction_worker.geometry.mesh import Mesh
from reconstruction_worker.records import read_record


def document(workspace: Path, name: str) -> dict[str, Any]:
    """A JSON document by its path in the workspace."""
    return json.loads((workspace / name).read_text(encoding="utf-8"))


def seconds_of_stages(workspace: Path) -> dict[StageName, float]:
    """Of those that have run."""
    records = {name: read_record(workspace, name) for name in StageName}
    return {name: record.seconds for name, record in records.items() if record is not None}


def textured_mesh(workspace: Path) -> tuple[Mesh, NDArray[np.float32], NDArray[np.uint8]]:
    """In the frame of the poses that came with the photos, with its texture [P S, S, 3] and the coordinates in that
    [V, 2]."""
    model = load_model(workspace / "texture", metres_per_unit=None)
    return Mesh(in_frame_of_photos(model.mesh().vertices, workspace), model.faces), model.uv, model.texture


def in_frame_of_photos(points: NDArray[np.float64], workspace: Path) -> NDArray[np.float64]:
    """Points [N, 3] of the workspace's world, in the frame of the poses that came with the photos: `worldFromModel`
    leads from there to the world."""
    matrix = _world_from_model(workspace)
    return (points - matrix[:3, 3]) @ np.linalg.inv(matrix[:3, :3]).T


def in_world(points: NDArray[np.float64], workspace: Path) -> NDArray[np.float64]:
    """The way back: points [N, 3] of the frame of the poses that came with the photos, in the workspace's world."""
    matrix = _world_from_model(workspace)
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def _world_from_model(workspace: Path) -> NDArray[np.float64]:
    return np.array(document(workspace, "poses/transforms.json")["worldFromModel"])
