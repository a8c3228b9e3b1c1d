"""Poses as capture apps and photogrammetry programs write them: each format brings back the cameras it was made of."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.ingest.dataset import Dataset, DatasetImage, Original
from reconstruction_worker.ingest.limits import Limits
from reconstruction_worker.ingest.listing import list_folder
from reconstruction_worker.ingest.pose_files import PoseFormat, find_pose_files
from reconstruction_worker.poses.provided import Provided, read_provided

from .tool_files import K1, TOOLS, Cameras, meshroom, metashape, sidecars

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


def known() -> Cameras:
    """What the tools' files are made of."""
    return Cameras(NAMES, cameras(), WIDTH, HEIGHT, FOCAL)


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
    folder.mkdir()
    provided = read(folder, TOOLS[tool](folder, known()))
    assert provided.format is tool
    check_cameras(
        provided, None if tool in (PoseFormat.POLYCAM, PoseFormat.RECORD3D, PoseFormat.NEUS, PoseFormat.ARKIT) else K1
    )


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("tool", [tool for tool in TOOLS if tool is not PoseFormat.NEUS])
def test_files_are_read_as_editors_save_them(tool: PoseFormat, encoding: str, tmp_path: Path) -> None:
    """With a mark of their encoding, and Windows' line ends."""
    folder = tmp_path / "capture"
    folder.mkdir()
    names = TOOLS[tool](folder, known())
    for file in [path for path in folder.rglob("*") if path.is_file()]:
        text = file.read_text().replace("\n", "\r\n")
        file.write_bytes((("\ufeff" + text) if encoding == "utf-16-be" else text).encode(encoding))
    provided = read(folder, names)
    assert provided.format is tool
    check_cameras(provided, None)


@pytest.mark.parametrize("tool", [PoseFormat.BUNDLER, PoseFormat.VISUALSFM])
def test_names_may_have_blanks(tool: PoseFormat, tmp_path: Path) -> None:
    folder = tmp_path / "capture"
    folder.mkdir()
    names = [f"my photo ({index}) 0.jpg" for index in range(COUNT)]
    provided = read(folder, TOOLS[tool](folder, replace(known(), names=names)))
    check_cameras(provided, K1)


@pytest.mark.parametrize("tool", [tool for tool in TOOLS if tool not in (PoseFormat.NEUS, PoseFormat.RECORD3D)])
def test_names_may_be_in_another_case(tool: PoseFormat, tmp_path: Path) -> None:
    """As cameras, Windows and FTP servers change it."""
    folder = tmp_path / "capture"
    folder.mkdir()
    names = TOOLS[tool](folder, known())
    check_cameras(read(folder, [name.replace("IMG", "Img").replace(".jpg", ".JPG") for name in names]), None)


@pytest.mark.parametrize("separator", ["\t", " ", "  "])
def test_numbers_of_visualsfm_are_separated_by_anything(separator: str, tmp_path: Path) -> None:
    folder = tmp_path / "capture"
    folder.mkdir()
    names = TOOLS[PoseFormat.VISUALSFM](folder, known())
    (file,) = folder.glob("*.nvm")
    lines = [separator.join(line.split()) if line.startswith("IMG") else line for line in file.read_text().splitlines()]
    file.write_text("\n".join([lines[0] + " FixedK", "", "# by hand", *lines[1:]]) + "\n")
    check_cameras(read(folder, names), K1)


def check_cameras(provided: Provided, k1: float | None) -> None:
    assert len(provided.model.shots) == COUNT
    for shot, expected in zip(provided.model.shots, cameras(), strict=True):
        assert shot.world_from_camera == pytest.approx(expected, abs=1e-6)
        camera = provided.model.cameras[shot.camera_id]
        assert camera.mean_focal_length() == pytest.approx(FOCAL)
        assert (camera.principal_point_x, camera.principal_point_y) == pytest.approx((WIDTH / 2, HEIGHT / 2))
        if k1 is not None:
            assert camera.params[4] == pytest.approx(k1)


@pytest.mark.parametrize("version", [(1, 0, 0), (1, 2, 0), (1, 2, 1), (1, 2, 3), (1, 2, 14)])
def test_every_version_of_meshroom(version: tuple[int, int, int], tmp_path: Path) -> None:
    folder = tmp_path / "capture"
    folder.mkdir()
    check_cameras(read(folder, meshroom(folder, known(), version)), K1)


@pytest.mark.parametrize(("version", "ratio"), [((1, 2, 3), "0.5"), ((1, 2, 5), "2")])
def test_the_pixel_ratio_of_meshroom_changed_its_meaning(
    version: tuple[int, int, int], ratio: str, tmp_path: Path
) -> None:
    folder = tmp_path / "capture"
    folder.mkdir()
    names = meshroom(folder, known(), version)
    file = folder / "cameras.sfm"
    file.write_text(file.read_text().replace('"pixelRatio": "1"', f'"pixelRatio": "{ratio}"'))
    camera = next(iter(read(folder, names).model.cameras.values()))
    assert (camera.focal_length_x, camera.focal_length_y) == pytest.approx((FOCAL, 2 * FOCAL))


def test_views_that_meshroom_has_not_placed_are_no_poses(tmp_path: Path) -> None:
    folder = tmp_path / "capture"
    folder.mkdir()
    meshroom(folder, known())
    document = json.loads((folder / "cameras.sfm").read_text())
    del document["poses"]
    (folder / "cameraInit.sfm").write_text(json.dumps(document))
    assert [poses.main.name for poses in find_pose_files(list_folder(folder))] == ["cameras.sfm"]


def test_a_lens_of_meshroom_that_is_not_read_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "capture"
    folder.mkdir()
    names = meshroom(folder, known())
    file = folder / "cameras.sfm"
    file.write_text(file.read_text().replace("pinhole", "equidistant"))
    with pytest.raises(ReconstructionError, match="equidistant are not read"):
        read(folder, names)


def test_newer_sidecars_keep_everything_in_attributes(tmp_path: Path) -> None:
    folder = tmp_path / "capture"
    folder.mkdir()
    check_cameras(read(folder, sidecars(folder, known(), as_attributes=True)), K1)


def test_sidecars_that_only_calibrate_are_no_poses(tmp_path: Path) -> None:
    (tmp_path / "p0.xmp").write_text('<x:xmpmeta xcr:FocalLength35mm="24"/>')
    assert find_pose_files(list_folder(tmp_path)) == []


def test_sidecars_belong_to_the_photo_of_their_folder(tmp_path: Path) -> None:
    """Two cameras that both count from 0."""
    names = []
    for camera in ("left 100%", "right"):
        (tmp_path / "capture" / camera).mkdir(parents=True)
        names += [f"{camera}/{name}" for name in sidecars(tmp_path / "capture" / camera, known())]
    provided = read(tmp_path / "capture", names)
    assert len(provided.model.shots) == 2 * COUNT


@pytest.mark.parametrize("tool", TOOLS)
def test_what_is_cut_off_is_told_and_nothing_else(tool: PoseFormat, tmp_path: Path) -> None:
    folder = tmp_path / "capture"
    folder.mkdir()
    names = TOOLS[tool](folder, known())
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
    folder.mkdir()
    names = metashape(folder, known())
    text = (folder / "doc.xml").read_text()
    (folder / "doc.xml").write_text(text.replace("<document", '<!DOCTYPE d [<!ENTITY a "b">]><document', 1))
    with pytest.raises(ReconstructionError, match="entities"):
        read(folder, names)


@pytest.mark.parametrize(
    ("name", "content"),
    [("scene.abc", "Ogawa\xff"), ("scene.psx", "<document version='1.2.0'/>"), ("shots.geojson", "{}")],
)
def test_poses_that_are_not_read_are_told(tmp_path: Path, name: str, content: str) -> None:
    from tests.worker.ingest.photos import Ingested, write_photos

    write_photos(tmp_path / "capture", 3)
    (tmp_path / "capture" / name).write_text(content)
    assert f"are not read ({name})" in Ingested(tmp_path, tmp_path / "capture").output.message


@pytest.mark.parametrize(
    "tool", sorted(TOOLS.keys() - {PoseFormat.POLYCAM, PoseFormat.RECORD3D, PoseFormat.REALITY_CAPTURE_SIDECARS})
)
def test_the_limit_of_a_photo_is_not_that_of_poses(tool: PoseFormat, tmp_path: Path) -> None:
    """A profile may allow 20 MB a photo; points and features make a file of poses larger."""
    TOOLS[tool](tmp_path, known())
    limits = Limits(file_bytes=10)
    poses = find_pose_files([file for file in list_folder(tmp_path) if file.size <= limits.allowed_bytes(file.name)])
    assert [found.format for found in poses] == [tool]
