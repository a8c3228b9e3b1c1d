"""The layout of NeRF's synthetic scenes (Mildenhall et al., 2020): `transforms_train.json`, `_val` and `_test`, each
with one angle of view and frames whose paths leave out the suffix. Axes and world are those of `transforms.json`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from ...ingest.dataset import Dataset
from ...ingest.pose_files import BLENDER_SPLITS, PoseFormat
from ..lookup import PhotoLookup
from .provided_poses import ALWAYS, Provided, Share, ShotList
from .transforms import AXES, add_frames, parse
from .turned import PixelFrames
from .validity import check_parallax

TRAIN, VALIDATION, TEST = BLENDER_SPLITS
_FEWEST: Final = 2


def read_blender(folder: Path, dataset: Dataset, frames: PixelFrames) -> Provided:
    """All splits whose photos are in the source; those of the test split, or without one of the validation split, are
    what the result is judged on, and nothing but the training split is trained on. Raises InvalidPoses."""
    shots = ShotList()
    members: dict[str, list[str]] = {}
    for split in BLENDER_SPLITS:
        if not (folder / split).is_file():
            continue
        document = parse(folder / split)
        lookup = PhotoLookup(dataset, split, folders_matter=True)
        if split != TRAIN and not _any_photo(document, lookup):
            continue  # downloads often leave out the photos of a split, and keep its poses
        members[split] = list(add_frames(document, split, lookup, shots, frames).values())
    model = shots.model()
    check_parallax(np.array([shot.world_from_camera[:3, 3] for shot in model.shots]), len(dataset.images), TRAIN, AXES)
    return Provided(PoseFormat.BLENDER, TRAIN, model, z_up_within_degrees=ALWAYS, axes=AXES, shares=_shares(members))


def _any_photo(document: dict[str, Any], lookup: PhotoLookup) -> bool:
    frames = document.get("frames")
    if not isinstance(frames, list):
        return True  # a mistake to be reported
    paths = [frame.get("file_path") for frame in frames if isinstance(frame, dict)]
    return any(isinstance(path, str) and lookup.knows(path) for path in paths) or not paths


def _shares(members: dict[str, list[str]]) -> dict[str, Share]:
    judged = next((split for split in (TEST, VALIDATION) if members.get(split)), None)
    if judged is None or len(members.get(TRAIN, [])) < _FEWEST:
        return {}
    role = {TRAIN: Share.TRAIN, judged: Share.EVAL}
    return {name: role.get(split, Share.UNUSED) for split, names in members.items() for name in names}
