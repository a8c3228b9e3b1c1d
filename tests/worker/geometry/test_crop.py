"""What of a scene the mesh shows: the object that cameras go round, or what a box holds."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import trimesh

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.mesh import Mesh as MeshSettings
from reconstruction_api.mesh import MeshBox, MeshCrop
from reconstruction_worker.geometry.crop import Wish, above, find_crop
from reconstruction_worker.geometry.crop_picture import CUT, crop_picture
from reconstruction_worker.geometry.depth_budget import Budget
from reconstruction_worker.geometry.extract import extract_mesh, finished_mesh
from reconstruction_worker.geometry.mesh import Mesh, component_labels
from reconstruction_worker.geometry.mesh_document import CropDocument
from reconstruction_worker.geometry.scene import Scene, load_scene
from reconstruction_worker.geometry.subject import Plane, Subject, find_subject
from reconstruction_worker.stages.mesh import wanted_part

from .compare import f_score
from .scenes import MeshField, bumpy_sphere, hills, look_at, write_poses

BUDGET = Budget(most_rays=150_000)
FACES = 4_000
TABLE = 0.62
"""Half its side."""


def figure() -> Mesh:
    ball = bumpy_sphere(0.3)
    return Mesh(ball.vertices + np.array([0.05, 0, 0.3]), ball.faces)


def together(*parts: Mesh) -> Mesh:
    starts = np.cumsum([0, *(len(part.vertices) for part in parts)])
    return Mesh(
        np.concatenate([part.vertices for part in parts]),
        np.concatenate([part.faces + np.int32(start) for part, start in zip(parts, starts, strict=False)]),
    )


def table() -> Mesh:
    corners = np.array([[-TABLE, -TABLE, 0.0], [TABLE, -TABLE, 0], [TABLE, TABLE, 0], [-TABLE, TABLE, 0]])
    return divided(corners, np.array([[0, 1, 2], [0, 2, 3]]), 0.05)


def divided(vertices: np.ndarray, faces: np.ndarray, longest: float) -> Mesh:
    """With edges of at most this length."""
    found = trimesh.remesh.subdivide_to_size(vertices, faces, longest)
    return Mesh(np.asarray(found[0]), np.asarray(found[1], np.int32))


def cup() -> Mesh:
    """Something else that stands on the table."""
    ball = trimesh.creation.icosphere(subdivisions=3, radius=0.08)
    return Mesh(np.asarray(ball.vertices) + np.array([-0.5, 0.5, 0.07]), np.asarray(ball.faces, np.int32))


def ring(count: int = 16, degrees: float = 360.0) -> list:
    turns = np.radians(np.arange(count) * degrees / count)
    eyes = [2.2 * np.array([np.cos(turn), np.sin(turn), 0.5 + 0.2 * (k % 2)]) for k, turn in enumerate(turns)]
    return [look_at(eye, 160, (0, 0, 0.25)) for eye in eyes]


def scene_of(folder: Path, mesh: Mesh, cameras: list) -> tuple[MeshField, Scene]:
    field = MeshField(mesh)
    write_poses(folder, field, cameras, bounded=False)
    return field, load_scene(folder)


def cut(folder: Path, crop: MeshCrop, cameras: list, box: np.ndarray | None = None) -> tuple[Mesh, CropDocument]:
    field, scene = scene_of(folder, together(figure(), table(), cup()), cameras)
    mesh, document = extract_mesh(field, scene, FACES, BUDGET, wish=Wish(crop, box))
    assert document.crop is not None
    return mesh, document.crop


def test_an_object_on_a_table_is_cut_out_where_cameras_go_round_it(tmp_path: Path) -> None:
    mesh, said = cut(tmp_path, MeshCrop.AUTO, ring())
    assert said.cut
    assert said.cut_share is not None
    assert 0.4 < said.cut_share < 0.7, "the table, its underside unseen, and the cup"
    assert component_labels(mesh)[0] == 1
    low, high = mesh.bounds()
    assert low[2] > 0.005
    assert (np.abs(mesh.vertices[:, :2] - [0.05, 0]) < 0.4).all(), "nothing of the table or the cup is left"
    assert high[2] > 0.55
    seen = figure()
    upper = Mesh(seen.vertices, seen.faces[seen.vertices[seen.faces][..., 2].min(axis=1) > 0.15])
    ours = Mesh(mesh.vertices, mesh.faces[mesh.vertices[mesh.faces][..., 2].min(axis=1) > 0.15])
    assert f_score(ours, upper, 0.03) > 0.99
    assert said.in_words().startswith("cut to the object (the cameras go round it): ")


def test_half_a_ring_leaves_a_doubt_and_the_scene_is_whole(tmp_path: Path) -> None:
    mesh, said = cut(tmp_path, MeshCrop.AUTO, ring(degrees=180))
    assert not said.cut
    assert "of the way round" in said.reason
    assert said.in_words() == f"not cut to the object: {said.reason}"
    assert mesh.bounds()[1, 0] > 0.55, "the table is there"


def test_who_asks_for_the_object_gets_it_from_half_a_ring(tmp_path: Path) -> None:
    mesh, said = cut(tmp_path, MeshCrop.OBJECT, ring(degrees=180))
    assert said.cut
    assert said.reason.startswith("asked for; ")
    assert (np.abs(mesh.vertices[:, :2] - [0.05, 0]) < 0.4).all()


def test_terrain_from_above_is_never_cut() -> None:
    cameras = [look_at(np.array([x, y - 1e-3, 2.0]), 160, (x, y, 0)) for x in (-0.5, 0.5) for y in (-0.5, 0, 0.5)]
    found = find_subject(hills(), cameras, 0.02)
    assert not isinstance(found, Subject) or found.doubt


def test_a_room_seen_from_its_middle_is_never_cut() -> None:
    box = trimesh.creation.box(extents=[2, 2, 1.5])
    room = divided(np.asarray(box.vertices), np.asarray(box.faces), 0.1)
    cameras = [
        look_at(-0.3 * camera.camera_to_world[:3, 2], 160, tuple(camera.camera_to_world[:3, 2])) for camera in ring()
    ]
    found = find_subject(room, cameras, 0.02)
    assert isinstance(found, str)


def test_photos_with_masks_show_the_object_anyway() -> None:
    crop, why = find_crop(Wish(MeshCrop.OBJECT), figure(), ring(), 0.02, bounded=True)
    assert crop is None
    assert "masks" in why


def test_a_box_cuts_with_straight_edges(tmp_path: Path) -> None:
    box = np.array([[-0.4, -0.4, 0.2], [0.4, 0.0, 0.9]])
    mesh, said = cut(tmp_path, MeshCrop.BOX, ring(), box)
    assert said.cut
    assert said.box == box.tolist()
    slack = 0.02
    assert (mesh.vertices > box[0] - slack).all()
    assert (mesh.vertices < box[1] + slack).all()
    assert mesh.bounds()[1, 1] > -0.02, "up to its side"


def test_a_box_with_nothing_in_it_is_an_error_that_names_the_field(tmp_path: Path) -> None:
    with pytest.raises(ReconstructionError) as caught:
        cut(tmp_path, MeshCrop.BOX, ring(), np.array([[5.0] * 3, [6.0] * 3]))
    assert caught.value.code == "EmptyMesh"
    assert "spec.mesh.box" in str(caught.value)


def test_a_mesh_that_an_engine_made_is_cut_by_a_box_too() -> None:
    box = np.array([[-1.0, -1, 0.3], [1, 1, 1]])
    seen = []
    mesh, document = finished_mesh(figure(), 100_000, Wish(MeshCrop.BOX, box), lambda whole, crop: seen.append(crop))
    assert mesh.bounds()[0, 2] == pytest.approx(0.3)
    assert document.crop is not None
    assert document.crop.cut_share == pytest.approx(0.5, abs=0.1)
    assert len(seen) == 1
    whole, document = finished_mesh(figure(), 100_000, Wish(MeshCrop.AUTO))
    assert len(whole.faces) == len(figure().faces)
    assert document.crop is not None
    assert not document.crop.cut


def test_a_cut_ends_at_its_plane_and_leaves_what_is_above() -> None:
    ball = bumpy_sphere()
    part = above(ball, Plane(np.array([0, 0, 1.0]), 0.1))
    assert part.bounds()[0, 2] == pytest.approx(0.1)
    assert part.bounds()[1, 2] == ball.bounds()[1, 2]
    assert not part.is_watertight()


def test_before_and_after_stand_side_by_side_in_the_picture() -> None:
    whole = together(figure(), table())
    kept = np.arange(len(whole.faces)) < len(figure().faces)
    pixels = np.asarray(crop_picture(whole, kept, figure(), ring())).astype(float)
    red = (pixels[..., 0] - pixels[..., 2]) / 255 > 0.5 * (CUT[0] - CUT[2])
    half = red.shape[1] // 2
    assert red[:, :half].mean() > 0.03
    assert not red[:, half:].any()


def test_a_box_is_given_in_metres_where_the_scale_is_known() -> None:
    box = MeshBox(low=["-1", "-1", "0"], high=["1", "1", "2.5"])
    wish = wanted_part(MeshSettings(crop=MeshCrop.BOX, box=box), 2.5)
    assert wish.box is not None
    assert wish.box.tolist() == [[-0.4, -0.4, 0], [0.4, 0.4, 1]]
    assert dataclasses.astuple(wanted_part(MeshSettings(), None)) == (MeshCrop.SCENE, None)
