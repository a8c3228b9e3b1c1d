"""The same features and matches with a lens for each photo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pycolmap
from PIL import Image

from reconstruction_worker.poses.own_lenses import with_own_lenses
from reconstruction_worker.poses.sfm import CameraGroup, Workbench, enter_photos, overlapping_pairs

from .scenes import an_image

NAMES = ["a.png", "b.png", "c.png"]
GROUPS = [CameraGroup(["c.png", "a.png"], "SIMPLE_RADIAL", ""), CameraGroup(["b.png"], "SIMPLE_RADIAL", "9,4,4,0")]


def test_matches_and_known_focal_lengths_are_kept(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for name in NAMES:
        Image.new("RGB", (8, 8)).save(tmp_path / "images" / name)
    common, own = tmp_path / "common.db", tmp_path / "own.db"
    enter_photos(GROUPS, tmp_path / "images", common)
    points = {name: np.random.default_rng(index).uniform(0, 8, (20, 4)) for index, name in enumerate(NAMES)}
    matches = np.stack([np.arange(18), np.arange(18)[::-1]], axis=1).astype(np.uint32)
    with pycolmap.Database.open(common) as db:
        number = {image.name: image.image_id for image in db.read_all_images()}
        for name, keypoints in points.items():
            db.write_keypoints(number[name], keypoints.astype(np.float32))
        geometry = pycolmap.TwoViewGeometry(
            config=pycolmap.TwoViewGeometryConfiguration.UNCALIBRATED, inlier_matches=matches
        )
        db.write_two_view_geometry(number["a.png"], number["b.png"], geometry)
        assert db.num_cameras() == 2
    bench = Workbench(tmp_path, tmp_path, [an_image(name) for name in NAMES], lambda *_: None, lambda: False)
    with_own_lenses(bench, GROUPS, common, own)
    assert overlapping_pairs(own) == overlapping_pairs(common) == 1
    with pycolmap.Database.open(own) as db:
        images = {image.name: image for image in db.read_all_images()}
        assert len({image.camera_id for image in images.values()}) == 3
        assert db.read_camera(images["b.png"].camera_id).params[0] == 9
        kept = db.read_two_view_geometry(images["a.png"].image_id, images["b.png"].image_id)
        assert kept.inlier_matches.tolist() == matches.tolist()
        for name, keypoints in points.items():
            assert np.allclose(db.read_keypoints(images[name].image_id)[:, :2], keypoints[:, :2], atol=1e-5)
