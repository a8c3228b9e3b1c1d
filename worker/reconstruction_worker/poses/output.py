"""Writes what the next stages read, and registration.json (docs/workspace.md)."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pycolmap
from numpy.typing import NDArray

from reconstruction_api.documents.base import Document

from ..files import write_atomically, write_json
from ..geometry.axes import OPENGL_FROM_OPENCV
from ..geometry.similarity import Similarity
from ..stage_files import TRANSFORMS
from .masks import Masks
from .posed_model import PosedModel, SparsePoints
from .region import Region, SceneKind


@dataclass(frozen=True)
class World:
    """A model in its final frame, and how it got there."""

    model: PosedModel
    region: Region
    masks: Masks
    world_from_model: Similarity
    metres_per_unit: float | None
    up_from: str
    """`gps`, `cameras`, `provided` or, without poses, `engine`."""

    @property
    def scale(self) -> float:
        """World units in a unit of the model as the poses came."""
        return self.world_from_model.scale


UNPOSED: Final = World(
    model=PosedModel({}, (), SparsePoints.none()),
    region=Region(SceneKind.BOUNDED, np.array([[-1.0] * 3, [1.0] * 3]), near=0.1, far=10.0),
    masks=Masks(SceneKind.OPEN, 0, ("",)),
    world_from_model=Similarity(),
    metres_per_unit=None,
    up_from="engine",
)
"""Without any camera: the engine says which way is up."""


@dataclass(frozen=True)
class Pictures:
    """The undistorted pictures: files by the photos' names, as paths in the workspace."""

    files: dict[str, str] = field(default_factory=dict)
    depths: dict[str, str] = field(default_factory=dict)
    """Of depth maps."""
    pinholes: dict[int, pycolmap.Camera] = field(default_factory=dict)
    """Cameras that would have taken the pictures, by the ids of those that took the photos."""


def write_transforms(
    folder: Path,
    world: World,
    pictures: Pictures,
    shares: Mapping[str, str],
    exposures: Mapping[str, float],
    can_hold_out: bool,
    place: Document | None = None,
) -> None:
    """`transforms.json`; `shares` say what each photo was meant for by who provided the poses, and `exposures` what the
    cameras recorded, both by the photos' names; `can_hold_out` says whether there are photos that could be missed;
    `place` is where on Earth the world is, where that is known."""
    pinholes, depths = pictures.pinholes, pictures.depths
    shared = intrinsics(next(iter(pinholes.values()))) if len(pinholes) == 1 else {}
    frames = [
        {
            "file_path": pictures.files[shot.name],
            "transform_matrix": (shot.world_from_camera @ OPENGL_FROM_OPENCV).tolist(),
            **({} if shared else intrinsics(pinholes[shot.camera_id])),
            **({"split": str(shares[shot.name])} if shot.name in shares else {}),
            **({"exposure": exposures[shot.name]} if shot.name in exposures else {}),
            **({"depth_file_path": depths[shot.name]} if shot.name in depths else {}),
            **({"hasAlpha": False} if shot.name in world.masks.left_out else {}),
        }
        for shot in world.model.shots
    ]
    region = world.region
    document = {
        "camera_model": "PINHOLE",
        **shared,
        "frames": frames,
        "scene": {"kind": region.kind, "box": region.box.tolist(), "near": region.near, "far": region.far},
        "worldFromModel": world.world_from_model.matrix.tolist(),
        "metresPerUnit": world.metres_per_unit,
        "upFrom": world.up_from,
        "hasAlpha": world.masks.used,
        "canHoldOut": can_hold_out,
        **({"georeference": place.data()} if place is not None else {}),
    }
    write_json(folder / TRANSFORMS, document)


def intrinsics(pinhole: pycolmap.Camera) -> dict[str, float | int]:
    """In nerfstudio's names; lengths in pixels, the origin is the upper left corner of the upper left pixel."""
    fx, fy, cx, cy = (float(value) for value in pinhole.params)
    return {"fl_x": fx, "fl_y": fy, "cx": cx, "cy": cy, "w": int(pinhole.width), "h": int(pinhole.height)}


def write_points(path: Path, points: SparsePoints) -> None:
    """Coloured points as binary PLY."""
    layout = [(name, "<f4") for name in ("x", "y", "z")] + [(name, "u1") for name in ("red", "green", "blue")]
    table: NDArray[Any] = np.empty(len(points.xyz), dtype=layout)
    for index, name in enumerate(("x", "y", "z")):
        table[name] = points.xyz[:, index]
    for index, name in enumerate(("red", "green", "blue")):
        table[name] = points.rgb[:, index]
    kinds = {"<f4": "float", "u1": "uchar"}
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(table)}"]
    header += [f"property {kinds[kind]} {name}" for name, kind in layout]
    write_atomically(path, "\n".join([*header, "end_header", ""]).encode() + table.tobytes())


def write_observations(path: Path, points: SparsePoints) -> None:
    """The points [P, 3] in full precision, and which frames of transforms.json show them: `frame`, `point` [O]."""
    stream = io.BytesIO()
    frame, point = points.observations.astype(np.int32).T
    np.savez_compressed(stream, points=points.xyz, frame=frame, point=point)
    write_atomically(path, stream.getvalue())
