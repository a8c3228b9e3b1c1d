"""Finds and compares learned features, and leaves them in COLMAP's database as if COLMAP had."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import pycolmap
from PIL import Image

from .learned_features import LearnedFeatures, LearnedMatcher, likely_partners
from .native import follow
from .pairs import Pair, Pairing
from .sfm import MIN_INLIERS, CameraGroup, Workbench, enter_photos, verification_options, visible, write_pictures

EVERY_PAIR_UP_TO: Final = 30
"""Photos of which all pairs are compared: 435 pairs, some ten minutes on two cores."""
PARTNERS: Final = 8
"""Photos that each photo of a larger set is compared with."""
OUTLINE_SHARE: Final = 0.006
"""Of a photo's longer side: how near to the outline of what a mask shows a feature is of the outline."""


def learned_pairing(photos: int) -> Pairing:
    """How partners are chosen among so many photos."""
    return Pairing.EXHAUSTIVE if photos <= EVERY_PAIR_UP_TO else Pairing.ALIKE


def match_learned(bench: Workbench, groups: Sequence[CameraGroup], database: Path) -> None:
    """Find learned features in all photos, which are divided into `groups`, and compare those of likely partners. What
    a mask or alpha channel hides bears none. Raises Stopped."""
    images, masks = write_pictures(bench)
    enter_photos(groups, images, database)
    networks = LearnedMatcher()
    features = _find(bench.part(0.0, 0.35), networks, images, masks)
    photos = range(len(features))
    everything = learned_pairing(len(features)) is Pairing.EXHAUSTIVE
    pairs = list(itertools.combinations(photos, 2)) if everything else likely_partners(features, PARTNERS)
    _compare(bench.part(0.35, 0.98), networks, features, pairs, database)
    _verify(bench, pairs, database)


def _find(bench: Workbench, networks: LearnedMatcher, images: Path, masks: Path) -> list[LearnedFeatures]:
    """Of each photo of the bench."""
    features = []
    for done, photo in enumerate(bench.photos):
        bench.go_on(done / len(bench.photos), f"learned features in {done} of {len(bench.photos)} photos")
        with Image.open(images / photo.name) as picture:
            found = networks.find(np.asarray(picture.convert("RGB")))
        mask = masks / f"{photo.name}.png"
        features.append(_visible(found, mask) if mask.exists() else found)
    return features


def _visible(features: LearnedFeatures, mask: Path) -> LearnedFeatures:
    """Those that the mask does not hide, nor that are at the outline: where something ends in a picture there is no
    place of its surface that other photos could show."""
    # Centres of pixels are whole numbers there, and half ones here.
    return features.kept(visible(features.points + np.float32(0.5), mask, OUTLINE_SHARE))


def _compare(
    bench: Workbench,
    networks: LearnedMatcher,
    features: Sequence[LearnedFeatures],
    pairs: Sequence[Pair],
    database: Path,
) -> None:
    names = [photo.name for photo in bench.photos]
    with pycolmap.Database.open(database) as db:
        numbers = {image.name: image.image_id for image in db.read_all_images()}
        for name, found in zip(names, features, strict=True):
            # COLMAP's origin is the corner of the upper left pixel.
            db.write_keypoints(numbers[name], found.points + np.float32(0.5))
        for done, (first, second) in enumerate(pairs):
            bench.go_on(done / len(pairs), f"compared {done} of {len(pairs)} pairs of photos by learned features")
            matches = networks.match(features[first], features[second])
            if len(matches) >= MIN_INLIERS:
                db.write_matches(numbers[names[first]], numbers[names[second]], matches)


def _verify(bench: Workbench, pairs: Sequence[Pair], database: Path) -> None:
    """Keep what fits one geometry."""
    names = [photo.name for photo in bench.photos]
    listed = bench.scratch / "learned-pairs.txt"
    listed.write_text("".join(f"{names[first]} {names[second]}\n" for first, second in pairs))
    follow(partial(pycolmap.verify_matches, database, listed, verification_options()), bench.stop_requested)
