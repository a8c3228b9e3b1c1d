"""Which photos of a large set are compared: those that order, GPS or looks put together and that share anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pycolmap
from numpy.typing import NDArray

from ..stage import Stopped
from . import alike
from .pairs import Pair, PairChoice, Pairing
from .sfm import Workbench

USED: Final = 2_000
"""Features of a photo, the largest, that tell what it looks like."""


def pairs_to_match(bench: Workbench, choice: PairChoice, database: Path) -> Sequence[Pair]:
    """All pairs of an exhaustive choice. Else those of the choice whose photos have features in common, joined with the
    photos that look alike. The photos' features must be in the database. Raises Stopped."""
    if choice.pairing is Pairing.EXHAUSTIVE:
        return choice.pairs
    bench.say(0.0, f"looking for photos that look alike among {len(bench.photos)}")
    descriptors = _descriptors(database, [photo.name for photo in bench.photos])
    candidates = alike.shortlist(alike.vectors(descriptors)) | set(choice.pairs)

    def look() -> None:
        if bench.stop_requested():
            raise Stopped

    counts = alike.shared([each[: alike.LARGEST] for each in descriptors], candidates, look)
    return alike.worth_comparing(counts, choice.pairs)


def _descriptors(database: Path, names: Sequence[str]) -> list[NDArray[np.float32]]:
    """For each photo the descriptors [F, 128] of its largest features, of length 1, the largest first."""
    with pycolmap.Database.open(database) as db:
        numbers = {image.name: image.image_id for image in db.read_all_images()}
        return [_largest(db, numbers[name]) for name in names]


def _largest(db: pycolmap.Database, number: int) -> NDArray[np.float32]:
    order = np.argsort(-_sizes(db.read_keypoints(number)), kind="stable")[:USED]
    found = np.asarray(db.read_descriptors(number).data)[order].astype(np.float32)
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)


def _sizes(keypoints: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of keypoints [F, 4] (position, scale, orientation) or [F, 6] (position, affine shape)."""
    if keypoints.shape[1] == 6:
        a, b, c, d = keypoints[:, 2:].T
        return np.sqrt(np.abs(a * d - b * c))
    return keypoints[:, 2]
