"""Poses as capture apps and photogrammetry programs write them: each format brings back the cameras it was made of."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.ingest.dataset import Dataset, DatasetImage, Original
from reconstruction_worker.ingest.listing import list_folder
from reconstruction_worker.ingest.pose_files import PoseFormat, find_pose_files
from reconstruction_worker.poses.provided import Provided, read_provided

from .tool_files import K1, TOOLS, Cameras

COUNT, WIDTH, HEIGHT, FOCAL = 5, 640, 480, 500.0


def cameras() -> list[np.ndarray]:
    """World-from-camera matrices [4, 4] with OpenCV axes; z is up."""
    result = []
    for index in range(COUNT):
        angle = 0.4 * index
        centre = np.array([3 * np.cos(angle), 3 * np.sin(angle), 1 + 0.1 * index])
        forward = -centre / np.linalg.norm(centre)
        right = np.cross(forward, [0, 0, 1])
        right /= np.linalg.norm(right)
        pose = np.eye(4)
        pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
        pose[:3, 3] = centre
        result.append(pose)
    return result


def dataset(names: list[str]) -> Dataset:
    return Dataset(
        images=[
            DatasetImage(
                name=f"p{index}.jpg", file=f"ingest/images/p{index}.jpg", width=WIDTH, height=HEIGHT,
                original=Original(name=name, width=WIDTH, height=HEIGHT, sha256="0" * 64),
            )
            for index, name in enumerate(names)
        ]
    )  # fmt: skip


NAMES = [f"IMG_{index}.jpg" for index in range(COUNT)]


def write(tool: PoseFormat, folder: Path) -> list[str]:
    """The known cameras in the tool's files; the photos' names."""
    folder.mkdir()
    return TOOLS[tool](folder, Cameras(NAMES, cameras(), WIDTH, HEIGHT, FOCAL))


def read(folder: Path, names: list[str]) -> Provided:
    """As ingest finds the files, and the poses stage reads what ingest keeps."""
    found = find_pose_files(list_folder(folder))
    kept = folder.parent / "provided"
    kept.mkdir()
    for name, file in found[0].files.items():
        shutil.copyfile(file.path, kept / name)
    return read_provided(kept, dataset(names))


@pytest.mark.parametrize("tool", TOOLS)
def test_cameras_come_back(tool: PoseFormat, tmp_path: Path) -> None:
    folder = tmp_path / "capture"
    provided = read(folder, write(tool, folder))
    assert provided.format is tool
    assert len(provided.model.shots) == COUNT
    for shot, expected in zip(provided.model.shots, cameras(), strict=True):
        assert shot.world_from_camera == pytest.approx(expected, abs=1e-6)
        camera = provided.model.cameras[shot.camera_id]
        assert camera.mean_focal_length() == pytest.approx(FOCAL)
        assert (camera.principal_point_x, camera.principal_point_y) == pytest.approx((WIDTH / 2, HEIGHT / 2))
        if tool not in (PoseFormat.POLYCAM, PoseFormat.RECORD3D, PoseFormat.NEUS):
            assert camera.params[4] == pytest.approx(K1)


@pytest.mark.parametrize("tool", TOOLS)
def test_what_is_cut_off_is_told_and_nothing_else(tool: PoseFormat, tmp_path: Path) -> None:
    folder = tmp_path / "capture"
    names = write(tool, folder)
    file = next(path for path in folder.rglob("*") if path.is_file() and path.name != "list.txt")
    whole = file.read_bytes()
    for index, share in enumerate((0.3, 0.6, 0.9)):
        file.write_bytes(whole[: int(share * len(whole))])
        if not find_pose_files(list_folder(folder)):
            continue  # not told apart from any other file any more
        (tmp_path / str(index)).mkdir()
        shutil.copytree(folder, tmp_path / str(index) / "capture")
        try:
            provided = read(tmp_path / str(index) / "capture", names)
        except ReconstructionError as error:
            assert error.code == "InvalidPoses"
        else:
            assert 2 <= len(provided.model.shots) <= COUNT


def test_declared_entities_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "capture"
    names = write(PoseFormat.METASHAPE, folder)
    text = (folder / "doc.xml").read_text()
    (folder / "doc.xml").write_text(text.replace("<document", '<!DOCTYPE d [<!ENTITY a "b">]><document', 1))
    with pytest.raises(ReconstructionError, match="entities"):
        read(folder, names)


@pytest.mark.parametrize(
    ("name", "content"), [("scene.sfm", '{"version": ["1", "2"], "views": []}'), ("p0.xmp", "<x xcr:Version='3'/>")]
)
def test_poses_that_are_not_read_are_told(tmp_path: Path, name: str, content: str) -> None:
    from tests.worker.ingest.photos import Ingested, write_photos

    write_photos(tmp_path / "capture", 3)
    (tmp_path / "capture" / name).write_text(content)
    assert f"are not read ({name})" in Ingested(tmp_path, tmp_path / "capture").output.message
