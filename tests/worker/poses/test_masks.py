"""Photos without a mask among photos with one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from reconstruction_api.documents.registration import MaskUse
from reconstruction_worker.poses.masks import Masks
from reconstruction_worker.poses.region import SceneKind
from reconstruction_worker.poses.silhouettes import Silhouette
from reconstruction_worker.stage import StageOutput
from reconstruction_worker.stages import poses

from .scenes import a_model, an_image, poses_context, survey_poses, write_ingest
from .test_canonical import SEEN, photo

MASK = Silhouette.of(np.diag(np.full(40, 255, np.uint8)))


def use(kind: SceneKind, masked: int, total: int) -> Masks:
    model = a_model(survey_poses(total), np.zeros((0, 3)))
    return Masks.of(kind, model, [MASK] * masked + [None] * (total - masked))


@pytest.mark.parametrize(
    ("kind", "masked", "used", "left_out"),
    [
        (SceneKind.BOUNDED, 10, True, ()),
        (SceneKind.BOUNDED, 9, True, ("009.png",)),
        (SceneKind.OPEN, 10, True, ()),
        (SceneKind.OPEN, 9, False, ()),
        (SceneKind.OPEN, 0, False, ()),
    ],
)
def test_photos_without_a_mask_are_left_out_of_one_object_and_decide_for_an_open_scene(
    kind: SceneKind, masked: int, used: bool, left_out: tuple[str, ...]
) -> None:
    found = use(kind, masked, 10)
    assert (found.used, found.left_out) == (used, left_out)


def test_what_is_said_names_photos_as_the_source_does() -> None:
    photos = {f"{index:03d}.png": an_image(f"{index:03d}.png") for index in range(10)}
    photos["009.png"].original.name = "My photo.PNG"
    object_, scene = use(SceneKind.BOUNDED, 9, 10), use(SceneKind.OPEN, 9, 10)
    assert object_.document(photos) == MaskUse(used=True, missing=["My photo.PNG"])
    assert object_.summary(photos) == "without a mask, so only their cameras are used: My photo.PNG"
    assert scene.document(photos) == MaskUse(used=False, missing=["My photo.PNG"])
    assert scene.summary(photos).endswith("without a mask: My photo.PNG")
    assert use(SceneKind.BOUNDED, 10, 10).summary(photos) == use(SceneKind.OPEN, 0, 10).summary(photos) == ""
    assert use(SceneKind.OPEN, 0, 10).document(photos) is None


def posed(workspace: Path, opaque: int) -> tuple[dict[str, Any], dict[str, Any], StageOutput]:
    """Six sides of a box, the last ones as photos without transparency: transforms, registration and output."""
    pictures = {f"{side}.png": photo(side, 40) for side in SEEN}
    for name in list(pictures)[6 - opaque :]:
        pictures[name] = pictures[name].convert("RGB")
    write_ingest(workspace, pictures)
    output = poses.run(poses_context(workspace, method="CanonicalViews")[0])
    folder = workspace / "poses"
    return *(json.loads((folder / name).read_text()) for name in ("transforms.json", "registration.json")), output


def test_one_photo_without_a_mask_does_not_take_the_masks_of_the_others(tmp_path: Path) -> None:
    transforms, registration, output = posed(tmp_path, opaque=1)
    assert transforms["scene"]["kind"] == "bounded"
    assert transforms["hasAlpha"] is True
    modes = {}
    for frame in transforms["frames"]:
        with Image.open(tmp_path / frame["file_path"]) as picture:
            modes[picture.mode] = [*modes.get(picture.mode, []), frame.get("hasAlpha")]
    assert modes == {"RGBA": [None] * 5, "RGB": [False]}
    assert registration["masks"] == {"used": True, "missing": ["bottom.png"]}
    assert "6 of 6 photos registered; without a mask, so only their cameras are used: bottom.png" in output.message


def test_masks_of_a_few_photos_are_not_used_and_that_is_said(tmp_path: Path) -> None:
    transforms, registration, output = posed(tmp_path, opaque=2)
    assert (transforms["scene"]["kind"], transforms["hasAlpha"]) == ("open", False)
    assert all("hasAlpha" not in frame for frame in transforms["frames"])
    assert registration["masks"] == {"used": False, "missing": ["bottom.png", "top.png"]}
    assert "masks not used" in output.message
