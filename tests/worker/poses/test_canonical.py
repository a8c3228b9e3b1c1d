"""Six photos named after the sides of a cube get their poses from these names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.poses import Poses
from reconstruction_worker.ingest.dataset import Dataset, DroppedImage
from reconstruction_worker.poses.canonical import canonical_poses
from reconstruction_worker.stages import poses

from .scenes import an_image, poses_context, write_ingest

# What each photo shows of a point (x, y, z) with z up, by hand: to the right, upwards, and towards the camera.
SEEN = {
    "front": lambda x, y, z: (x, z, -y),
    "right": lambda x, y, z: (y, z, x),
    "back": lambda x, y, z: (-x, z, y),
    "left": lambda x, y, z: (-y, z, -x),
    "top": lambda x, y, z: (x, y, z),
    "bottom": lambda x, y, z: (x, -y, -z),
}
LOW, HIGH = np.array([-0.03, -0.14, -0.07]), np.array([0.15, 0.07, 0.1])
"""A box that is off the middle in every direction, with the cameras at distance 1; in view at 25 degrees."""
SIZE = 400


def photo(side: str, field_of_view: float) -> Image.Image:
    """What a camera sees of the box: its outline is the hull of its corners."""
    focal = SIZE / 2 / np.tan(np.radians(field_of_view / 2))
    corners = []
    for corner in np.stack(np.meshgrid(*zip(LOW, HIGH, strict=True)), -1).reshape(-1, 3):
        right, up, nearer = SEEN[side](*corner)
        corners.append([SIZE / 2 + focal * right / (1 - nearer), SIZE / 2 - focal * up / (1 - nearer)])
    picture = np.zeros((SIZE, SIZE, 4), np.uint8)
    cv2.fillConvexPoly(picture, cv2.convexHull(np.array(corners, np.float32)).astype(np.int32), (200, 90, 40, 255))
    return Image.fromarray(picture)


@pytest.mark.parametrize("field_of_view", [None, 25, 55])
def test_the_object_is_where_the_six_outlines_agree(field_of_view: int | None, tmp_path: Path) -> None:
    write_ingest(tmp_path, {f"box_{side}.png": photo(side, field_of_view or 40) for side in SEEN})
    fields: dict[str, Any] = {} if field_of_view is None else {"fieldOfViewDegrees": field_of_view}
    context, _ = poses_context(tmp_path, method="CanonicalViews", **fields)
    output = poses.run(context)
    assert "6 of 6" in output.message
    document = json.loads((tmp_path / "poses" / "transforms.json").read_text())
    matrix = np.array(document["worldFromModel"])
    found = np.array(document["scene"]["box"])
    assert document["scene"]["kind"] == "bounded"
    expected = np.stack([LOW, HIGH]) * matrix[0, 0] + matrix[:3, 3]
    assert (
        np.abs(found - expected).max() < 0.2
    )  # of a longest side of 2: a pixel of the made-small masks (0.08 at 55 degrees), a cell and the margin
    registration = json.loads((tmp_path / "poses" / "registration.json").read_text())
    assert (registration["method"], registration["providedFormat"]) == ("canonicalViews", None)
    assert document["metresPerUnit"] is None


def test_the_cameras_distance_gives_the_scale(tmp_path: Path) -> None:
    write_ingest(tmp_path, {f"{side}.png": photo(side, 40) for side in SEEN})
    context, _ = poses_context(tmp_path, method="CanonicalViews", cameraDistanceMillimetres=500)
    poses.run(context)
    document = json.loads((tmp_path / "poses" / "transforms.json").read_text())
    metres = np.ptp(document["scene"]["box"], axis=0) * document["metresPerUnit"]
    assert metres == pytest.approx(0.5 * (HIGH - LOW), abs=0.02)  # two pixels of a mask and a margin, on each side


def dataset(*names: str, dropped: tuple[str, ...] = ()) -> Dataset:
    left_out = [DroppedImage(name=name, code="Duplicate", message="a copy") for name in dropped]
    return Dataset(images=[an_image(name) for name in names], dropped=left_out)


def test_names_may_have_other_parts() -> None:
    views = canonical_poses(
        dataset("0-Front.png", "Vase_RIGHT2.png", "back.png", "left.png", "top.png", "bottom.png"), Poses()
    )
    standing = {shot.name: shot.world_from_camera[:3, 3].round(6).tolist() for shot in views.model.shots}
    assert standing["0-Front.png"] == [0, -1, 0]
    assert standing["Vase_RIGHT2.png"] == [1, 0, 0]


@pytest.mark.parametrize(
    ("names", "dropped", "code", "said"),
    [
        (("front.png", "back.png"), ("left.png",), "ImageCountOutOfRange",
         "there are 2; left.png was left out (Duplicate)"),
        ((*(f"{side}.png" for side in SEEN), "more.png"), (), "ImageCountOutOfRange", "there are 7"),
        (("front.png", "right.png", "back.png", "left.png", "top.png", "below.png"), (), "InvalidPoses",
         "below.png does not name the side it shows"),
        (("front.png", "right.png", "back.png", "left.png", "top.png", "top-2.png"), (), "InvalidPoses",
         "top-2.png names the same side as top.png, top"),
        (("front-left.png", "right.png", "back.png", "left.png", "top.png", "bottom.png"), (), "InvalidPoses",
         "front-left.png names front and left"),
    ],
)  # fmt: skip
def test_what_is_not_the_six_sides_is_refused(
    names: tuple[str, ...], dropped: tuple[str, ...], code: str, said: str
) -> None:
    with pytest.raises(ReconstructionError) as caught:
        canonical_poses(dataset(*names, dropped=dropped), Poses())
    assert caught.value.code == code
    assert said in caught.value.message
    assert "front, right, back, left, top and bottom" in caught.value.suggestion
