"""Depth maps become a surface without a training, and take a training's place where they agree."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from reconstruction_api.engines import ENGINES
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.stages import StageName
from reconstruction_worker.engines import trained
from reconstruction_worker.engines.depth_fusion import ENGINE
from reconstruction_worker.engines.depth_fusion.alignment import aligned
from reconstruction_worker.engines.depth_fusion.measured_maps import measured_maps
from reconstruction_worker.engines.engine_document import EngineDocument
from reconstruction_worker.engines.fused_or_trained import fused_or_trained
from reconstruction_worker.engines.training.posed_photos import read_scene
from reconstruction_worker.files import write_document
from reconstruction_worker.geometry.coloured_mesh import ColouredMesh
from reconstruction_worker.geometry.mesh import boundary_edges
from reconstruction_worker.geometry.raycast import Caster
from reconstruction_worker.geometry.rendering import Camera
from reconstruction_worker.stage import StageContext, StageOutput

from ..geometry.scenes import MeshField, bumpy_sphere, look_at, paint, write_poses
from .tiny_scene import context

SIX = ((0, -1, 0), (1, 0, 0), (0, 1, 0), (-1, 0, 0), (0, 0, 1), (0, 0, -1))
SIZE = 1.3
"""Of the ball, roughly."""
Change = Callable[[int, NDArray[np.float64]], NDArray[np.float64]]


def six_views(workspace: Path, change: Change = lambda index, depth: depth, *, bounded: bool = True) -> list[Camera]:
    """A bumpy ball from six sides with depth maps [H, W], as `change` makes them of the true ones and the view's
    number."""
    cameras = [look_at(2.2 * np.array(side), size=128) for side in SIX]
    field = MeshField(bumpy_sphere())
    write_poses(workspace, field, cameras, bounded)
    document = json.loads((workspace / "poses" / "transforms.json").read_text())
    document["canHoldOut"] = False
    (workspace / "poses" / "depth").mkdir()
    for index, (frame, camera) in enumerate(zip(document["frames"], cameras, strict=True)):
        seen = field.render(camera)
        across = (np.arange(camera.width) + 0.5 - camera.cx) / camera.fx
        depth = seen.depth / np.sqrt(1 + across[None, :] ** 2 + across[:, None] ** 2)
        millimetres = np.round(change(index, np.where(seen.alpha > 0, depth, 0)) * 1000)
        frame["depth_file_path"] = f"poses/depth/{index}.png"
        Image.fromarray(millimetres.astype(np.uint16)).save(workspace / frame["depth_file_path"])
    (workspace / "poses" / "transforms.json").write_text(json.dumps(document))
    return cameras


def moved(offsets: NDArray[np.float64]) -> Change:
    return lambda index, depth: np.where(depth > 0, depth + offsets[index], 0)


def distance_to_ball(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Along rays to its middle. [N]"""
    radius = np.linalg.norm(points, axis=1)
    hits = Caster(bumpy_sphere()).cast(points / radius[:, None] * 2, -points / radius[:, None])
    return np.abs(2 - hits.distance - radius)


def fit(workspace: Path, **spec: Any) -> tuple[StageContext, StageOutput]:
    wanted = context(workspace, engine="depth-fusion", **spec)
    return wanted, ENGINE.fit(wanted)


def test_six_views_with_maps_become_a_closed_coloured_surface_and_gaussians(tmp_path: Path) -> None:
    six_views(tmp_path)
    wanted, output = fit(tmp_path)
    made = trained.trained(wanted)
    assert isinstance(made, ColouredMesh) and len(boundary_edges(made.mesh)) == 0
    assert np.median(distance_to_ball(made.mesh.vertices)) < 0.002 * SIZE
    assert np.abs(made.colours / 255 - paint(made.mesh.vertices)).mean() < 0.03
    assert "6 depth maps" in output.message and "of the size" in output.message
    gaussians = trained.trained_gaussians(wanted)
    assert gaussians is not None and len(gaussians) > 10_000
    assert np.median(distance_to_ball(gaussians.means.astype(np.float64))) < 0.003 * SIZE
    assert np.abs(gaussians.harmonics[:, 0] * 0.28209479 + 0.5 - paint(gaussians.means)).mean() < 0.03
    document = EngineDocument.read(tmp_path / "train" / "engine.json")
    assert (document.engine, document.device, document.settings["maps"]) == ("depth-fusion", "cpu", 6)


def test_maps_that_are_each_a_little_off_are_brought_together(tmp_path: Path) -> None:
    offsets = SIZE * np.array([0.02, -0.015, -0.02, 0.01, 0.015, -0.01])
    six_views(tmp_path, moved(offsets))
    maps = measured_maps(read_scene(tmp_path).photos)
    found = aligned(maps, SIZE)
    assert np.abs(found.offsets + offsets).max() < 0.2 * np.abs(offsets).max()
    assert found.disagreement is not None and found.disagreement < 0.003 * SIZE


def test_what_a_map_does_not_know_is_no_hole(tmp_path: Path) -> None:
    """A pixel of the object without a distance says nothing; only what is beside the object is empty."""

    def blind(index: int, depth: NDArray[np.float64]) -> NDArray[np.float64]:
        if index == 0:
            depth[40:90, 40:90] = 0
        return depth

    six_views(tmp_path, blind)
    wanted, _ = fit(tmp_path)
    made = trained.trained(wanted)
    assert isinstance(made, ColouredMesh)
    front = made.mesh.vertices[made.mesh.vertices[:, 1] < 0]
    # What only the first view shows is unknown; what others show of the same side is where it is.
    assert np.quantile(distance_to_ball(front), 0.6) < 0.01 * SIZE


def test_depth_at_an_edge_is_not_believed(tmp_path: Path) -> None:
    def step(index: int, depth: NDArray[np.float64]) -> NDArray[np.float64]:
        depth[:, 64:] = np.where(depth[:, 64:] > 0, depth[:, 64:] + 0.4, 0)
        return depth

    six_views(tmp_path, step)
    shown = measured_maps(read_scene(tmp_path).photos)[0].shown
    assert not shown[50:80, 63:65].any() and shown[50:80, 60:62].all() and shown[50:80, 66:68].all()


def test_a_photo_without_a_map_is_named(tmp_path: Path) -> None:
    six_views(tmp_path)
    without_map(tmp_path, 2)
    with pytest.raises(ReconstructionError, match=r"IMG_0002\.png") as failure:
        fit(tmp_path)
    assert failure.value.code == "DepthInvalid" and "nerfacto" in failure.value.suggestion


def test_a_damaged_result_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "surface.npz").write_bytes(b"PK\x03\x04 not an archive")
    for read in (lambda: ENGINE.load(tmp_path, tmp_path, "cpu"), lambda: ENGINE.gaussians(tmp_path)):
        with pytest.raises(ReconstructionError) as failure:
            read()
        assert failure.value.code == "CheckpointIncompatible"


class StubEngine:
    """Trains nothing."""

    spec = ENGINES["nerfacto"]

    def fit(self, context: StageContext) -> StageOutput:
        context.folder.mkdir(parents=True, exist_ok=True)
        write_document(context.folder / "engine.json", EngineDocument(engine=self.spec.name))
        return StageOutput("1 step")

    def load(self, folder: Path, workspace: Path, device: str) -> Any:
        raise AssertionError


def without_map(workspace: Path, index: int) -> None:
    path = workspace / "poses" / "transforms.json"
    document = json.loads(path.read_text())
    del document["frames"][index]["depth_file_path"]
    path.write_text(json.dumps(document))


def decided(workspace: Path) -> tuple[EngineDocument, str]:
    wanted = context(workspace, engine="nerfacto", training={"depthFusion": "Auto"})
    message = fused_or_trained(wanted, StubEngine()).message
    return EngineDocument.read(wanted.of(StageName.TRAIN) / "engine.json"), message


def test_maps_that_agree_take_the_place_of_a_training(tmp_path: Path) -> None:
    six_views(tmp_path)
    document, message = decided(tmp_path)
    assert (document.engine, document.in_place_of) == ("depth-fusion", "nerfacto")
    assert "in the place of a training with nerfacto" in message and "taken to agree" in message
    assert document.choice is not None and document.choice.startswith("depth maps fused: ")
    made = trained.engine_of(context(tmp_path, StageName.MESH, engine="nerfacto"))
    assert made.spec.name == "depth-fusion", "the stages after it ask the engine that made the result"


def test_maps_that_contradict_one_another_are_trained_on(tmp_path: Path) -> None:
    """Each map's bumps are another's: no offset and no stretch brings them together."""

    def warped(index: int, depth: NDArray[np.float64]) -> NDArray[np.float64]:
        row, column = np.mgrid[:128, :128] / 128
        wrong = 0.05 * SIZE * np.sin(17 * row + 2 * index) * np.sin(19 * column + 3 * index)
        return np.where(depth > 0, depth + wrong, 0)

    six_views(tmp_path, warped)
    document, message = decided(tmp_path)
    assert (document.engine, document.in_place_of) == ("nerfacto", None)
    assert message.startswith("1 step; depth maps not fused: where two show the same they differ by ")
    assert document.choice is not None and document.choice.startswith("trained: ")


def test_a_missing_map_and_an_open_scene_are_reasons_to_train(tmp_path: Path) -> None:
    six_views(tmp_path / "some")
    without_map(tmp_path / "some", 0)
    assert "1 of 6 photos have none that fits" in decided(tmp_path / "some")[1]
    six_views(tmp_path / "open", bounded=False)
    assert "apart from its background" in decided(tmp_path / "open")[1]


def test_photos_without_any_map_are_trained_on_without_a_word(tmp_path: Path) -> None:
    six_views(tmp_path)
    for index in range(6):
        without_map(tmp_path, index)
    document, message = decided(tmp_path)
    assert (document.choice, message) == (None, "1 step")
