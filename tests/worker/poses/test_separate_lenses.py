"""Photos of one size from several lenses, on synthetic models without pictures."""

from __future__ import annotations

import numpy as np
import pycolmap
import pytest

from reconstruction_worker.poses.separate_lenses import _with_lenses, separate_lenses

from .scenes import looking

SIDE = 400
POINTS = np.random.default_rng(1).normal(size=(300, 3))


def model(focals: list[float]) -> pycolmap.Reconstruction:
    """Cameras around a cloud of points, each with its focal length (times the width) and its own lens; points are seen
    to 0.3 pixels."""
    generator = np.random.default_rng(2)
    result = pycolmap.Reconstruction()
    seen: list[np.ndarray] = []
    for index, focal in enumerate(focals):
        angle = 2.2 * index / len(focals)
        eye = 6 * np.array([np.cos(angle), np.sin(angle), 0.25 * (index % 3)])
        pose = np.linalg.inv(looking(eye, np.zeros(3), np.array([0.0, 0, 1])))
        local = POINTS @ pose[:3, :3].T + pose[:3, 3]
        pixels = focal * SIDE * local[:, :2] / local[:, 2:] + SIDE / 2
        seen.append(pixels + generator.normal(0, 0.3, pixels.shape))
        camera = pycolmap.Camera(
            camera_id=index + 1, model="SIMPLE_RADIAL", width=SIDE, height=SIDE,
            params=[focal * SIDE, SIDE / 2, SIDE / 2, 0.0],
        )  # fmt: skip
        result.add_camera_with_trivial_rig(camera)
        image = pycolmap.Image(name=f"{index:02d}", keypoints=seen[-1], camera_id=index + 1, image_id=index + 1)
        result.add_image_with_trivial_frame(image, pycolmap.Rigid3d(pose[:3]))
    for number, xyz in enumerate(POINTS):
        track = pycolmap.Track()
        for index in range(len(focals)):
            track.add_element(index + 1, number)
        result.add_point3D(xyz, track, np.zeros(3, np.uint8))
    result.update_point_3d_errors()
    return result


def shared(focals: list[float]) -> pycolmap.Reconstruction:
    """What the mapper makes of them when it takes all photos for those of one lens."""
    result = _with_lenses(model(focals), {index + 1: 1 for index in range(len(focals))})
    options = pycolmap.BundleAdjustmentOptions()
    options.refine_extra_params = False
    options.print_summary = False
    pycolmap.bundle_adjustment(result, options)
    result.update_point_3d_errors()
    return result


def names(count: int) -> set[str]:
    return {f"{index:02d}" for index in range(count)}


def focal_lengths(found: pycolmap.Reconstruction) -> list[float]:
    """Of the photos in their order, in widths."""
    images = sorted((found.image(each) for each in found.reg_image_ids()), key=lambda image: image.name)
    return [found.camera(image.camera_id).mean_focal_length() / SIDE for image in images]


def test_two_lenses_are_found_with_their_focal_lengths() -> None:
    focals = [1.3] * 6 + [2.0] * 6
    before = shared(focals)
    found = separate_lenses(before, names(12))
    assert len(found.cameras) == 2
    ratio = np.array(focal_lengths(found)) / focals
    assert ratio == pytest.approx(np.full(12, ratio[0]), rel=0.02)
    assert found.compute_mean_reprojection_error() < 0.8 * before.compute_mean_reprojection_error()


def test_photos_of_one_lens_keep_it() -> None:
    before = shared([1.3] * 12)
    assert separate_lenses(before, names(12)) is before


def test_a_lens_that_zooms_is_one_for_each_photo() -> None:
    focals = np.linspace(1.0, 2.2, 12).tolist()
    found = separate_lenses(shared(focals), names(12))
    assert len(found.cameras) == 12
    assert np.all(np.diff(focal_lengths(found)) > 0)


def test_lenses_that_exif_tells_stay_as_they_are() -> None:
    before = shared([1.3] * 6 + [2.0] * 6)
    assert separate_lenses(before, set()) is before
    found = separate_lenses(before, {"00", "11"})
    kept = {found.image(each).camera_id for each in found.reg_image_ids() if found.image(each).name not in ("00", "11")}
    assert len(kept) == 1
