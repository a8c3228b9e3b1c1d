"""Gaussians in the layout that splat viewers read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import trimesh

from reconstruction_api.exports import Export
from reconstruction_api.formats import ExportFormat
from reconstruction_worker.exporters import splat, splat_ply

from ..engines.test_kinds_of_result import some_gaussians


def test_a_reader_finds_every_number_as_viewers_expect_it(tmp_path: Path) -> None:
    gaussians = some_gaussians()
    paths, content = splat_ply.EXPORTER.written(gaussians, tmp_path, Export(format=ExportFormat.SPLAT_PLY))
    assert [path.name for path in paths] == ["splats.ply"] and content.vertices == 50
    stored = trimesh.load(paths[0], process=False).metadata["_ply_raw"]["vertex"]["data"]
    column = {name: np.asarray(stored[name], np.float64) for name in stored.dtype.names}
    opacity = 1 / (1 + np.exp(-column["opacity"]))
    assert np.allclose(opacity, gaussians.opacities, atol=1e-5)
    assert np.allclose(np.exp(column["scale_1"]), gaussians.scales[:, 1], rtol=1e-5)
    assert np.allclose(column["rot_0"], gaussians.rotations[:, 0])
    assert np.allclose(column["f_dc_2"], gaussians.harmonics[:, 0, 2])
    # Channel by channel: with three more coefficients, red has the first three.
    assert np.allclose(column["f_rest_2"], gaussians.harmonics[:, 3, 0])
    assert np.allclose(column["f_rest_3"], gaussians.harmonics[:, 1, 1])


def test_metres_scale_places_and_sizes_alike() -> None:
    gaussians = some_gaussians()
    larger = gaussians.scaled(2.5)
    assert np.allclose(larger.means, 2.5 * gaussians.means) and np.allclose(larger.scales, 2.5 * gaussians.scales)
    assert larger.opacities is gaussians.opacities


def test_full_and_no_opacity_have_a_finite_logit(tmp_path: Path) -> None:
    gaussians = replace(some_gaussians(2), opacities=np.array([0, 1], np.float32))
    splat_ply.EXPORTER.written(gaussians, tmp_path, Export(format=ExportFormat.SPLAT_PLY))


def test_its_earlier_name_writes_the_same_file() -> None:
    assert splat.EXPORTER is splat_ply.EXPORTER
