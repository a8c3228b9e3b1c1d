"""Poses as capture apps and photogrammetry programs write them: each format brings back the cameras it was made of."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.ingest.dataset import Dataset, DatasetImage, Original
from reconstruction_worker.ingest.limits import Limits
from reconstruction_worker.ingest.listing import list_folder
from reconstruction_worker.ingest.pose_files import PoseFormat, find_pose_files
from reconstruction_worker.poses.provided import Provided, read_provided

COUNT, WIDTH, HEIGHT, FOCAL = 5, 640, 480, 500.0
FLIP = np.diag([1.0, -1, -1, 1])
"""Between OpenCV's camera axes and OpenGL's."""
K1 = 0.02


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


def y_up(pose: np.ndarray) -> np.ndarray:
    """In a world whose z, x, y are x, y, z of the other one."""
    turn = np.eye(4)
    turn[:3, :3] = np.eye(3)[[1, 2, 0]]
    return turn @ pose


def record3d(folder: Path) -> list[str]:
    poses = []
    for pose in cameras():
        matrix = y_up(pose) @ FLIP
        poses.append([*Rotation.from_matrix(matrix[:3, :3]).as_quat(), *matrix[:3, 3]])
    camera = [FOCAL, 0, 0, 0, FOCAL, 0, WIDTH / 2, HEIGHT / 2, 1]
    (folder / "metadata").write_text(json.dumps({"w": WIDTH, "h": HEIGHT, "K": camera, "fps": 60, "poses": poses}))
    return [f"rgbd/{index}.jpg" for index in range(COUNT)]


def reality_capture(folder: Path) -> list[str]:
    lines = ["#name,x,y,alt,heading,pitch,roll,f,px,py,k1,k2,k3,k4,t1,t2"]
    for name, pose in zip(NAMES, cameras(), strict=True):
        yaw, pitch, roll = Rotation.from_matrix((pose @ FLIP)[:3, :3]).as_euler("ZXY", degrees=True)
        x, y, z = pose[:3, 3]
        lines.append(f"{name},{x},{y},{z},{-yaw},{pitch},{roll},{FOCAL * 36 / WIDTH},0,0,{K1},0,0,0,0,0")
    (folder / "cameras.csv").write_text("\n".join(lines) + "\n")
    return NAMES


def metashape(folder: Path) -> list[str]:
    rows = "".join(
        f'<camera id="{index}" sensor_id="0" label="{Path(name).stem}"><transform>'
        f"{' '.join(map(str, pose.ravel()))}</transform></camera>"
        for index, (name, pose) in enumerate(zip(NAMES, cameras(), strict=True))
    )
    (folder / "doc.xml").write_text(
        '<?xml version="1.0"?><document version="1.5.0"><chunk label="c">'
        '<sensors><sensor id="0" label="s" type="frame">'
        f'<resolution width="{WIDTH}" height="{HEIGHT}"/><calibration type="frame" class="adjusted">'
        f"<f>{FOCAL}</f><cx>0</cx><cy>0</cy><k1>{K1}</k1></calibration></sensor></sensors>"
        f'<cameras>{rows}<camera id="9" sensor_id="0" label="not aligned"/></cameras></chunk></document>'
    )
    return NAMES


def opensfm(folder: Path) -> list[str]:
    shots = {}
    for name, pose in zip(NAMES, cameras(), strict=True):
        world = np.linalg.inv(pose)
        rotation = Rotation.from_matrix(world[:3, :3]).as_rotvec()
        shots[name] = {"camera": "c", "rotation": rotation.tolist(), "translation": world[:3, 3].tolist()}
    camera = {"projection_type": "perspective", "width": WIDTH, "height": HEIGHT, "focal": FOCAL / WIDTH, "k1": K1}
    (folder / "reconstruction.json").write_text(json.dumps([{"cameras": {"c": camera}, "shots": shots}]))
    return NAMES


def bundler(folder: Path) -> list[str]:
    lines = ["# Bundle file v0.3", f"{COUNT} 0"]
    for pose in cameras():
        world = np.linalg.inv(pose @ FLIP)
        lines += [f"{FOCAL} {K1} 0", *(" ".join(map(str, row)) for row in world[:3, :3])]
        lines.append(" ".join(map(str, world[:3, 3])))
    (folder / "bundle.out").write_text("\n".join(lines) + "\n")
    (folder / "list.txt").write_text("".join(f"{name} 0 {FOCAL}\n" for name in NAMES))
    return NAMES


def meshroom(folder: Path, version: tuple[int, int, int] = (1, 2, 6)) -> list[str]:
    """Numbers are text, as Meshroom's are; the sensor is 24 mm wide."""
    offset = (0, 0) if version >= (1, 2, 1) else (WIDTH / 2, HEIGHT / 2)
    camera: dict[str, object] = {
        "intrinsicId": "7", "width": str(WIDTH), "height": str(HEIGHT), "principalPoint": list(map(str, offset)),
        "distortionParams": [str(K1), "0", "0"],
    }  # fmt: skip
    if version >= (1, 2, 2):
        camera |= {"focalLength": str(FOCAL * 24 / WIDTH), "sensorWidth": "24", "pixelRatio": "1"}
    else:
        camera["pxFocalLength"] = [str(FOCAL)] * 2 if version >= (1, 2, 0) else str(FOCAL)
    camera |= {"type": "pinhole", "distortionType": "radialk3"} if version >= (1, 2, 6) else {"type": "radial3"}
    views, poses = [], []
    for index, (name, pose) in enumerate(zip([*NAMES, "not-placed.jpg"], [*cameras(), None], strict=True)):
        views.append({"viewId": str(index), "poseId": str(index), "intrinsicId": "7", "path": f"/data/{name}"})
        if pose is not None:
            by_column = pose[:3, :3].T.ravel(order="F")
            transform = {"rotation": list(map(str, by_column)), "center": list(map(str, pose[:3, 3]))}
            poses.append({"poseId": str(index), "pose": {"transform": transform, "locked": "0"}})
    document = {"version": list(map(str, version)), "views": views, "intrinsics": [camera], "poses": poses}
    (folder / "cameras.sfm").write_text(json.dumps(document))
    return NAMES


def sidecars(folder: Path, as_attributes: bool = False) -> list[str]:
    for name, pose in zip(NAMES, cameras(), strict=True):
        rotation, position = " ".join(map(str, pose[:3, :3].T.ravel())), " ".join(map(str, pose[:3, 3]))
        fields = {"Rotation": rotation, "Position": position, "DistortionCoeficients": f"{K1} 0 0 0 0 0"}
        attributes = "".join(f' xcr:{key}="{value}"' for key, value in fields.items()) if as_attributes else ""
        elements = "" if as_attributes else "".join(f"<xcr:{key}>{each}</xcr:{key}>" for key, each in fields.items())
        (folder / name).with_suffix(".xmp").write_text(
            '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            '<rdf:Description xcr:Version="3" xcr:PosePrior="locked" xcr:Coordinates="absolute" '
            f'xcr:DistortionModel="brown3" xcr:FocalLength35mm="{FOCAL * 36 / WIDTH}" xcr:PrincipalPointU="0" '
            f'xcr:PrincipalPointV="0" xmlns:xcr="http://www.capturingreality.com/ns/xcr/1.1#"{attributes}>'
            f"{elements}</rdf:Description></rdf:RDF></x:xmpmeta>"
        )
    return NAMES


def visualsfm(folder: Path) -> list[str]:
    lines = ["NVM_V3 ", "", str(COUNT)]
    for name, pose in zip(NAMES, cameras(), strict=True):
        quaternion = Rotation.from_matrix(pose[:3, :3].T).as_quat(scalar_first=True)
        lines.append(f"{name}\t{FOCAL} {' '.join(map(str, [*quaternion, *pose[:3, 3]]))} {-K1} 0")
    (folder / "scene.nvm").write_text("\n".join([*lines, "", "0"]) + "\n")
    return NAMES


def neus(folder: Path) -> list[str]:
    camera = np.array([[FOCAL, 0, WIDTH / 2 - 0.5], [0, FOCAL, HEIGHT / 2 - 0.5], [0, 0, 1]])
    matrices = {}
    for index, pose in enumerate(cameras()):
        matrix = np.eye(4)
        matrix[:3] = -2.5 * camera @ np.linalg.inv(pose)[:3]  # a projection has no scale, and no sign
        matrices |= {f"world_mat_{index}": matrix, f"scale_mat_{index}": np.eye(4)}
    np.savez(folder / "cameras_sphere.npz", **matrices)
    return NAMES


TOOLS: dict[PoseFormat, Callable[[Path], list[str]]] = {
    PoseFormat.RECORD3D: record3d, PoseFormat.REALITY_CAPTURE: reality_capture, PoseFormat.METASHAPE: metashape,
    PoseFormat.OPENSFM: opensfm, PoseFormat.BUNDLER: bundler, PoseFormat.MESHROOM: meshroom,
    PoseFormat.VISUALSFM: visualsfm, PoseFormat.NEUS: neus, PoseFormat.REALITY_CAPTURE_SIDECARS: sidecars,
}  # fmt: skip


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
    provided = read(folder, TOOLS[tool](folder))
    assert provided.format is tool
    check_cameras(provided, None if tool in (PoseFormat.RECORD3D, PoseFormat.NEUS) else K1)


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
    check_cameras(read(folder, meshroom(folder, version)), K1)


@pytest.mark.parametrize(("version", "ratio"), [((1, 2, 3), "0.5"), ((1, 2, 5), "2")])
def test_the_pixel_ratio_of_meshroom_changed_its_meaning(
    version: tuple[int, int, int], ratio: str, tmp_path: Path
) -> None:
    folder = tmp_path / "capture"
    folder.mkdir()
    names = meshroom(folder, version)
    file = folder / "cameras.sfm"
    file.write_text(file.read_text().replace('"pixelRatio": "1"', f'"pixelRatio": "{ratio}"'))
    camera = next(iter(read(folder, names).model.cameras.values()))
    assert (camera.focal_length_x, camera.focal_length_y) == pytest.approx((FOCAL, 2 * FOCAL))


def test_views_that_meshroom_has_not_placed_are_no_poses(tmp_path: Path) -> None:
    folder = tmp_path / "capture"
    folder.mkdir()
    meshroom(folder)
    document = json.loads((folder / "cameras.sfm").read_text())
    del document["poses"]
    (folder / "cameraInit.sfm").write_text(json.dumps(document))
    assert [poses.main.name for poses in find_pose_files(list_folder(folder))] == ["cameras.sfm"]


def test_a_lens_of_meshroom_that_is_not_read_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "capture"
    folder.mkdir()
    names = meshroom(folder)
    file = folder / "cameras.sfm"
    file.write_text(file.read_text().replace("pinhole", "equidistant"))
    with pytest.raises(ReconstructionError, match="equidistant are not read"):
        read(folder, names)


def test_newer_sidecars_keep_everything_in_attributes(tmp_path: Path) -> None:
    folder = tmp_path / "capture"
    folder.mkdir()
    check_cameras(read(folder, sidecars(folder, as_attributes=True)), K1)


def test_sidecars_that_only_calibrate_are_no_poses(tmp_path: Path) -> None:
    (tmp_path / "p0.xmp").write_text('<x:xmpmeta xcr:FocalLength35mm="24"/>')
    assert find_pose_files(list_folder(tmp_path)) == []


def test_sidecars_belong_to_the_photo_of_their_folder(tmp_path: Path) -> None:
    """Two cameras that both count from 0."""
    names = []
    for camera in ("left 100%", "right"):
        (tmp_path / "capture" / camera).mkdir(parents=True)
        names += [f"{camera}/{name}" for name in sidecars(tmp_path / "capture" / camera)]
    provided = read(tmp_path / "capture", names)
    assert len(provided.model.shots) == 2 * COUNT


@pytest.mark.parametrize("tool", TOOLS)
def test_what_is_cut_off_is_told_and_nothing_else(tool: PoseFormat, tmp_path: Path) -> None:
    folder = tmp_path / "capture"
    folder.mkdir()
    names = TOOLS[tool](folder)
    file = next(path for path in folder.iterdir() if path.name != "list.txt")
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
    names = metashape(folder)
    text = (folder / "doc.xml").read_text()
    (folder / "doc.xml").write_text(text.replace("<document", '<!DOCTYPE d [<!ENTITY a "b">]><document', 1))
    with pytest.raises(ReconstructionError, match="entities"):
        read(folder, names)


@pytest.mark.parametrize(
    ("name", "content"), [("scene.abc", "Ogawa\xff"), ("scene.psx", "<document version='1.2.0'/>")]
)
def test_poses_that_are_not_read_are_told(tmp_path: Path, name: str, content: str) -> None:
    from tests.worker.ingest.photos import Ingested, write_photos

    write_photos(tmp_path / "capture", 3)
    (tmp_path / "capture" / name).write_text(content)
    assert f"are not read ({name})" in Ingested(tmp_path, tmp_path / "capture").output.message


@pytest.mark.parametrize("tool", sorted(TOOLS.keys() - {PoseFormat.RECORD3D, PoseFormat.REALITY_CAPTURE_SIDECARS}))
def test_the_limit_of_a_photo_is_not_that_of_poses(tool: PoseFormat, tmp_path: Path) -> None:
    """A profile may allow 20 MB a photo; points and features make a file of poses larger."""
    TOOLS[tool](tmp_path)
    limits = Limits(file_bytes=10)
    poses = find_pose_files([file for file in list_folder(tmp_path) if file.size <= limits.allowed_bytes(file.name)])
    assert [found.format for found in poses] == [tool]
