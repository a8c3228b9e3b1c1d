"""The same features and matches with a lens for each photo: without EXIF, photos of one size may be from several
lenses, or from one that zooms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pycolmap

from .sfm import CameraGroup, Workbench, enter_photos


def with_own_lenses(bench: Workbench, groups: Sequence[CameraGroup], source: Path, target: Path) -> None:
    """Copy keypoints, and the matches that agree on one geometry, from a database that has its photos in `groups`."""
    single = [CameraGroup([name], group.model, group.params) for group in groups for name in group.names]
    enter_photos(single, bench.scratch / "images", target)
    with pycolmap.Database.open(source) as before, pycolmap.Database.open(target) as after:
        number = {image.name: image.image_id for image in after.read_all_images()}
        name = {image.image_id: image.name for image in before.read_all_images()}
        for image_id, each in name.items():
            after.write_keypoints(number[each], before.read_keypoints(image_id))
        ids, geometries = before.read_two_view_geometries()
        for pair, geometry in zip(ids, geometries, strict=True):
            first, second = pycolmap.pair_id_to_image_pair(pair)
            after.write_two_view_geometry(number[name[first]], number[name[second]], geometry)
