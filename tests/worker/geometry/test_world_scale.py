"""The scale of a result from a distance that somebody knows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.poses import KnownDistance, Poses
from reconstruction_api.stages import StageName
from reconstruction_worker.exporters.exports_document import ExportsDocument
from reconstruction_worker.geometry.world_scale import in_known_scale, metres_per_unit, with_scale
from reconstruction_worker.stages import export

from ..report.workspaces import context_of, finished

PLAIN = ReconstructionJobSpec.model_validate({"source": {"uri": "photos"}})
HALF = KnownDistance(start=["0.5", "0", "-1"], end=["0.5", "2", "-1"], metres="1")


def knowing(spec: ReconstructionJobSpec, known: KnownDistance) -> ReconstructionJobSpec:
    return spec.model_copy(update={"poses": Poses(known_distance=known)})


def test_a_known_distance_goes_before_what_the_poses_say() -> None:
    assert metres_per_unit(0.3, PLAIN) == 0.3
    assert metres_per_unit(0.3, knowing(PLAIN, HALF)) == 0.5


def test_a_place_on_earth_keeps_origin_and_orientation() -> None:
    turned = np.array([[0.0, -3, 0, 10], [3, 0, 0, 20], [0, 0, 3, 30], [0, 0, 0, 1]])
    scaled = with_scale(turned, 0.5)
    assert scaled[:3, 3].tolist() == [10, 20, 30]
    assert np.allclose(scaled[:3, :3], turned[:3, :3] / 6)
    document = {"metresPerUnit": 3.0, "georeference": {"metresFromWorld": turned.tolist()}}
    known = in_known_scale(document, knowing(PLAIN, HALF))
    assert known["metresPerUnit"] == 0.5
    assert np.allclose(known["georeference"]["metresFromWorld"], scaled)
    assert in_known_scale(document, PLAIN) == document


def test_exports_are_in_metres_without_anything_trained_again(tmp_path: Path) -> None:
    spec = finished(tmp_path, "GLB")
    folder = tmp_path / "export"
    before = ExportsDocument.read(folder / "exports.json")
    export.run(context_of(StageName.EXPORT, tmp_path, knowing(spec, HALF)))
    after = ExportsDocument.read(folder / "exports.json")
    assert (before.metric, after.metric) == (False, True)
    assert np.ravel(after.exports[0].bounds) == pytest.approx(np.ravel(before.exports[0].bounds) / 2, abs=1e-4)
