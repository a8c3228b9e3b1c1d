"""Commands `tsdf` and `poisson` of `ns-export`, of a pipeline that was trained without its command line.

All that is done is theirs, with their defaults, except for what is named here: the box, the way to normals, and what
only makes a CPU wait.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from nerfstudio.exporter import exporter_utils
from nerfstudio.pipelines.base_pipeline import Pipeline
from nerfstudio.scripts import exporter
from numpy.typing import NDArray
from rich.progress import Progress, TaskID

from ...worker_quality.clock import Clock
from ...worker_quality.nerfstudio_training import configuration, without_perceptual_metric

POINTS = 200_000
"""Of the cloud that Poisson's method makes a surface of, at most; `ns-export` asks for five times as many."""
RAYS = 4096
"""At a time; 32,768 by default, for which a GPU has the memory."""
BATCHES = 120
"""Of so many rays, from which points are taken: where few of what they meet is in the box, `ns-export` would go on
without end."""
FEWEST_POINTS = 1000
"""With fewer there is no surface."""
MAPS = 2
"""Depth maps that are fused at a time; 10 by default, with five times the memory and the same result."""
MARGIN = 0.05
"""Of the shape's extent, by which the box is wider than the shape."""

NO_SURFACE = "Surface level must be within volume data range"
"""What marching cubes says where TSDF holds nothing but space, or nothing but what is behind a surface."""
TOO_FEW = "points in the box"
"""Of too few Poisson's method makes none either."""


def run(request: dict[str, Any]) -> None:
    """Leaves the mesh in the request's folder, and in `export-METHOD.json` the way from nerfstudio's world to ours, or
    why there is none."""
    torch.set_num_threads(request["training"]["threads"])
    torch.manual_seed(request["training"]["seed"])
    np.random.seed(request["training"]["seed"])
    pipeline = trained(request["training"])
    data: Any = pipeline.datamanager
    outputs = data.train_dataparser_outputs
    world = nerfstudio_from_world(outputs.dataparser_transform.double().numpy(), outputs.dataparser_scale)
    box = box_about(np.load(request["shape"]), world)
    folder = Path(request["folder"])
    why = None
    with instead_of_loading(pipeline), limited():
        try:
            EXPORTS[request["method"]](folder, box)
        except ValueError as error:
            why = str(error)
            if NO_SURFACE not in why and TOO_FEW not in why:
                raise
    document = {"worldFromNerfstudio": np.linalg.inv(world).tolist(), "noSurface": why}
    (folder / f"export-{request['method']}.json").write_text(json.dumps(document, indent=1))


def trained(training: dict[str, Any]) -> Pipeline:
    """What the training of that request has kept."""
    trainer = configuration(training, Clock(1.0, 1.0)).setup(local_rank=0, world_size=1)
    with without_perceptual_metric():
        trainer.setup()
    trainer.pipeline.load_state_dict(torch.load(training["keep"]))
    trainer.pipeline.eval()
    return trainer.pipeline


def nerfstudio_from_world(transform: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """The [4, 4] matrix to nerfstudio's world, of its data parser's rigid `transform` [3, 4], which is scaled after."""
    matrix = np.eye(4)
    matrix[:3] = scale * transform
    return matrix


def box_about(points: NDArray[np.float64], world: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lower and upper corner [2, 3] in nerfstudio's world of a box around points [N, 3] of ours, with a margin."""
    there = points @ world[:3, :3].T + world[:3, 3]
    low, high = there.min(axis=0), there.max(axis=0)
    margin = MARGIN * (high - low).max()
    return np.stack([low - margin, high + margin])


@contextmanager
def replaced(module: ModuleType, name: str, stand_in: Any) -> Iterator[None]:
    """For a while a name of nerfstudio's stands for something else."""
    original = getattr(module, name)
    setattr(module, name, stand_in)
    try:
        yield
    finally:
        setattr(module, name, original)


def instead_of_loading(pipeline: Pipeline) -> AbstractContextManager[None]:
    """`ns-export` gets this pipeline whatever configuration it is called with."""
    return replaced(exporter, "eval_setup", lambda *_, **__: (None, pipeline, Path(), 0))


class LimitedProgress(Progress):
    """The progress of taking points, which is at its end after `BATCHES` at the latest. Raises ValueError where there
    are too few points by then."""

    batches = 0
    points = 0.0

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        super().advance(task_id, advance)
        self.batches, self.points = self.batches + 1, self.points + advance
        if self.batches >= BATCHES and self.points < FEWEST_POINTS:
            raise ValueError(f"{self.points:.0f} {TOO_FEW} of {self.batches * RAYS} rays")

    @property
    def finished(self) -> bool:
        return super().finished or self.batches >= BATCHES


def limited() -> AbstractContextManager[None]:
    """`ns-export` takes points for a while only."""
    return replaced(exporter_utils, "Progress", LimitedProgress)


def _tsdf(folder: Path, box: NDArray[np.float64]) -> None:
    low, high = box.tolist()
    exporter.ExportTSDFMesh(
        load_config=Path(),
        output_dir=folder,
        batch_size=MAPS,
        bounding_box_min=tuple(low),
        bounding_box_max=tuple(high),
        texture_method="tsdf",
    ).main()


def _poisson(folder: Path, box: NDArray[np.float64]) -> None:
    exporter.ExportPoissonMesh(
        load_config=Path(),
        output_dir=folder,
        num_points=POINTS,
        normal_method="open3d",
        obb_center=tuple(box.mean(axis=0).tolist()),
        obb_rotation=(0.0, 0.0, 0.0),
        obb_scale=tuple((box[1] - box[0]).tolist()),
        num_rays_per_batch=RAYS,
        texture_method="point_cloud",
    ).main()


EXPORTS = {"tsdf": _tsdf, "poisson": _poisson}
"""Each leaves METHOD_mesh.ply in a folder."""
