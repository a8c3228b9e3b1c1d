"""Writes known cameras as capture apps and photogrammetry programs do."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from reconstruction_worker.ingest.pose_files import PoseFormat

FLIP = np.diag([1.0, -1, -1, 1])
"""Between OpenCV's camera axes and OpenGL's."""
K1 = 0.02


@dataclass(frozen=True)
class Cameras:
    """Photos of one lens, all of one size in pixels. `poses` are world-from-camera matrices [4, 4] with OpenCV axes; z
    is up."""

    names: list[str]
    poses: list[np.ndarray]
    width: int
    height: int
    focal: float


def y_up(pose: np.ndarray) -> np.ndarray:
    """In a world whose z, x, y are x, y, z of the other one."""
    turn = np.eye(4)
    turn[:3, :3] = np.eye(3)[[1, 2, 0]]
    return turn @ pose


def polycam(folder: Path, cameras: Cameras) -> list[str]:
    (folder / "keyframes" / "cameras").mkdir(parents=True)
    for name, pose in zip(cameras.names, cameras.poses, strict=True):
        matrix = y_up(pose) @ FLIP
        entries = {f"t_{row}{column}": matrix[row, column] for row in range(3) for column in range(4)}
        lens = {"fx": cameras.focal, "fy": cameras.focal, "cx": cameras.width / 2, "cy": cameras.height / 2}
        document = entries | lens | {"width": cameras.width, "height": cameras.height}
        (folder / "keyframes" / "cameras" / f"{Path(name).stem}.json").write_text(json.dumps(document))
    return [f"keyframes/images/{name}" for name in cameras.names]


def record3d(folder: Path, cameras: Cameras) -> list[str]:
    poses = []
    for pose in cameras.poses:
        matrix = y_up(pose) @ FLIP
        poses.append([*Rotation.from_matrix(matrix[:3, :3]).as_quat(), *matrix[:3, 3]])
    width, height, focal = cameras.width, cameras.height, cameras.focal
    camera = [focal, 0, 0, 0, focal, 0, width / 2, height / 2, 1]
    (folder / "metadata").write_text(json.dumps({"w": width, "h": height, "K": camera, "fps": 60, "poses": poses}))
    return [f"rgbd/{index}{Path(name).suffix}" for index, name in enumerate(cameras.names)]


def reality_capture(folder: Path, cameras: Cameras) -> list[str]:
    lines = ["#name,x,y,alt,heading,pitch,roll,f,px,py,k1,k2,k3,k4,t1,t2"]
    for name, pose in zip(cameras.names, cameras.poses, strict=True):
        yaw, pitch, roll = Rotation.from_matrix((pose @ FLIP)[:3, :3]).as_euler("ZXY", degrees=True)
        x, y, z = pose[:3, 3]
        focal = cameras.focal * 36 / cameras.width
        lines.append(f"{name},{x},{y},{z},{-yaw},{pitch},{roll},{focal},0,0,{K1},0,0,0,0,0")
    (folder / "cameras.csv").write_text("\n".join(lines) + "\n")
    return cameras.names


def metashape(folder: Path, cameras: Cameras) -> list[str]:
    rows = "".join(
        f'<camera id="{index}" sensor_id="0" label="{Path(name).stem}"><transform>'
        f"{' '.join(map(str, pose.ravel()))}</transform></camera>"
        for index, (name, pose) in enumerate(zip(cameras.names, cameras.poses, strict=True))
    )
    (folder / "doc.xml").write_text(
        '<?xml version="1.0"?><document version="1.5.0"><chunk label="c">'
        '<sensors><sensor id="0" label="s" type="frame">'
        f'<resolution width="{cameras.width}" height="{cameras.height}"/><calibration type="frame" class="adjusted">'
        f"<f>{cameras.focal}</f><cx>0</cx><cy>0</cy><k1>{K1}</k1></calibration></sensor></sensors>"
        f'<cameras>{rows}<camera id="9" sensor_id="0" label="not aligned"/></cameras></chunk></document>'
    )
    return cameras.names


def opensfm(folder: Path, cameras: Cameras) -> list[str]:
    shots = {}
    for name, pose in zip(cameras.names, cameras.poses, strict=True):
        world = np.linalg.inv(pose)
        rotation = Rotation.from_matrix(world[:3, :3]).as_rotvec()
        shots[name] = {"camera": "c", "rotation": rotation.tolist(), "translation": world[:3, 3].tolist()}
    lens = {"width": cameras.width, "height": cameras.height, "focal": cameras.focal / cameras.width, "k1": K1}
    camera = {"projection_type": "perspective", **lens}
    (folder / "reconstruction.json").write_text(json.dumps([{"cameras": {"c": camera}, "shots": shots}]))
    return cameras.names


def bundler(folder: Path, cameras: Cameras) -> list[str]:
    lines = ["# Bundle file v0.3", f"{len(cameras.poses)} 0"]
    for pose in cameras.poses:
        world = np.linalg.inv(pose @ FLIP)
        lines += [f"{cameras.focal} {K1} 0", *(" ".join(map(str, row)) for row in world[:3, :3])]
        lines.append(" ".join(map(str, world[:3, 3])))
    (folder / "bundle.out").write_text("\n".join(lines) + "\n")
    (folder / "list.txt").write_text("".join(f"{name} 0 {cameras.focal}\n" for name in cameras.names))
    return cameras.names


def meshroom(folder: Path, cameras: Cameras, version: tuple[int, int, int] = (1, 2, 6)) -> list[str]:
    """Numbers are text, as Meshroom's are; the sensor is 24 mm wide."""
    offset = (0, 0) if version >= (1, 2, 1) else (cameras.width / 2, cameras.height / 2)
    camera: dict[str, object] = {
        "intrinsicId": "7", "width": str(cameras.width), "height": str(cameras.height),
        "principalPoint": list(map(str, offset)), "distortionParams": [str(K1), "0", "0"],
    }  # fmt: skip
    if version >= (1, 2, 2):
        camera |= {"focalLength": str(cameras.focal * 24 / cameras.width), "sensorWidth": "24", "pixelRatio": "1"}
    else:
        camera["pxFocalLength"] = [str(cameras.focal)] * 2 if version >= (1, 2, 0) else str(cameras.focal)
    camera |= {"type": "pinhole", "distortionType": "radialk3"} if version >= (1, 2, 6) else {"type": "radial3"}
    views, poses = [], []
    for index, (name, pose) in enumerate(zip([*cameras.names, "not-placed.jpg"], [*cameras.poses, None], strict=True)):
        views.append({"viewId": str(index), "poseId": str(index), "intrinsicId": "7", "path": f"/data/{name}"})
        if pose is not None:
            by_column = pose[:3, :3].T.ravel(order="F")
            transform = {"rotation": list(map(str, by_column)), "center": list(map(str, pose[:3, 3]))}
            poses.append({"poseId": str(index), "pose": {"transform": transform, "locked": "0"}})
    document = {"version": list(map(str, version)), "views": views, "intrinsics": [camera], "poses": poses}
    (folder / "cameras.sfm").write_text(json.dumps(document))
    return cameras.names


def sidecars(folder: Path, cameras: Cameras, as_attributes: bool = False) -> list[str]:
    focal = cameras.focal * 36 / cameras.width
    for name, pose in zip(cameras.names, cameras.poses, strict=True):
        rotation, position = " ".join(map(str, pose[:3, :3].T.ravel())), " ".join(map(str, pose[:3, 3]))
        fields = {"Rotation": rotation, "Position": position, "DistortionCoeficients": f"{K1} 0 0 0 0 0"}
        attributes = "".join(f' xcr:{key}="{value}"' for key, value in fields.items()) if as_attributes else ""
        elements = "" if as_attributes else "".join(f"<xcr:{key}>{each}</xcr:{key}>" for key, each in fields.items())
        (folder / name).with_suffix(".xmp").write_text(
            '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            '<rdf:Description xcr:Version="3" xcr:PosePrior="locked" xcr:Coordinates="absolute" '
            f'xcr:DistortionModel="brown3" xcr:FocalLength35mm="{focal}" xcr:PrincipalPointU="0" '
            f'xcr:PrincipalPointV="0" xmlns:xcr="http://www.capturingreality.com/ns/xcr/1.1#"{attributes}>'
            f"{elements}</rdf:Description></rdf:RDF></x:xmpmeta>"
        )
    return cameras.names


def visualsfm(folder: Path, cameras: Cameras) -> list[str]:
    lines = ["NVM_V3 ", "", str(len(cameras.poses))]
    for name, pose in zip(cameras.names, cameras.poses, strict=True):
        quaternion = Rotation.from_matrix(pose[:3, :3].T).as_quat(scalar_first=True)
        lines.append(f"{name}\t{cameras.focal} {' '.join(map(str, [*quaternion, *pose[:3, 3]]))} {-K1} 0")
    (folder / "scene.nvm").write_text("\n".join([*lines, "", "0"]) + "\n")
    return cameras.names


def neus(folder: Path, cameras: Cameras) -> list[str]:
    width, height, focal = cameras.width, cameras.height, cameras.focal
    camera = np.array([[focal, 0, width / 2 - 0.5], [0, focal, height / 2 - 0.5], [0, 0, 1]])
    matrices = {}
    for index, pose in enumerate(cameras.poses):
        matrix = np.eye(4)
        matrix[:3] = -2.5 * camera @ np.linalg.inv(pose)[:3]  # a projection has no scale, and no sign
        matrices |= {f"world_mat_{index}": matrix, f"scale_mat_{index}": np.eye(4)}
    np.savez(folder / "cameras_sphere.npz", **matrices)
    return cameras.names


def arkit(folder: Path, cameras: Cameras) -> list[str]:
    """Every second frame has no photo."""
    names = [f"frame_{2 * index:05d}.jpg" for index in range(len(cameras.names))]
    for index in range(2 * len(names)):
        camera = [cameras.focal, 0, cameras.width / 2, 0, cameras.focal, cameras.height / 2, 0, 0, 1]
        pose = (y_up(cameras.poses[index // 2]) @ FLIP).ravel().tolist()
        document = {
            "averageAngularVelocity": 0.1,
            "cameraPoseARFrame": pose,
            "frame_index": index,
            "intrinsics": camera,
        }
        (folder / f"frame_{index:05d}.json").write_text(json.dumps(document))
    return names


TOOLS: dict[PoseFormat, Callable[[Path, Cameras], list[str]]] = {
    PoseFormat.POLYCAM: polycam, PoseFormat.RECORD3D: record3d, PoseFormat.REALITY_CAPTURE: reality_capture,
    PoseFormat.METASHAPE: metashape, PoseFormat.OPENSFM: opensfm, PoseFormat.BUNDLER: bundler,
    PoseFormat.MESHROOM: meshroom, PoseFormat.VISUALSFM: visualsfm, PoseFormat.NEUS: neus,
    PoseFormat.REALITY_CAPTURE_SIDECARS: sidecars, PoseFormat.ARKIT: arkit,
}  # fmt: skip
"""Each writes its files into a folder, and says where the photos have to be, in the order of the cameras."""
