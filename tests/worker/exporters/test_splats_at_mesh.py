"""Which Gaussians belong to what the mesh shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reconstruction_api.mesh import MeshCrop
from reconstruction_worker.exporters.splats_at_mesh import at_mesh
from reconstruction_worker.geometry.crop import TABLE_VOXELS, supporting_plane
from reconstruction_worker.geometry.mesh_document import CropDocument, MeshDocument
from reconstruction_worker.geometry.subject import Plane

from ..engines.test_kinds_of_result import some_gaussians
from .models import figure


def test_what_is_below_the_plane_that_the_object_stands_on_is_the_table_s() -> None:
    model = figure()
    bottom, tip = [0, 0, -1], [0, -2, 3]
    gaussians = replace(some_gaussians(2), means=np.array([tip, bottom], np.float32))
    assert at_mesh(gaussians, model, None).tolist() == [True, True]
    table = Plane(np.array([0.0, 0, 1]), -0.99)
    assert at_mesh(gaussians, model, table).tolist() == [True, False]


def test_the_plane_is_where_the_mesh_was_cut() -> None:
    document = MeshDocument(vertices=3, faces=1, components=1, watertight=False, voxel=0.1)
    assert supporting_plane(None) is None and supporting_plane(document) is None
    crop = CropDocument(asked=MeshCrop.OBJECT, cut=True, reason="", plane=[0, 0, 1, 0.5])
    plane = supporting_plane(document.model_copy(update={"crop": crop}))
    assert plane is not None and plane.normal.tolist() == [0, 0, 1]
    assert np.isclose(plane.offset, 0.5 + TABLE_VOXELS * 0.1)
