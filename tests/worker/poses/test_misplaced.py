"""Photos whose matches with the others contradict their poses are in no model, and a model that few pairs confirm is
only used where there is no other."""

from __future__ import annotations

import zlib  # noqa: F401 - before pycolmap
from pathlib import Path

import numpy as np
import PIL.PngImagePlugin  # noqa: F401
import pycolmap
import pytest
from numpy.typing import NDArray

from reconstruction_api.documents.registration import PoseOrigin
from reconstruction_worker.poses.misplaced import Pair, confirmed_share, misplaced, remove_misplaced
from reconstruction_worker.poses.pairs import Pairing
from reconstruction_worker.poses.registration import Registration
from reconstruction_worker.poses.strategies import ladder
from reconstruction_worker.poses.try_strategies import Attempt, best_of

from .scenes import looking

PHOTOS, SIZE, FOCAL = 8, 800, 600.0
FORWARD, UP = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])
CAMERA = pycolmap.Camera(
    camera_id=1, model="SIMPLE_RADIAL", width=SIZE, height=SIZE, params=[FOCAL, SIZE / 2, SIZE / 2, 0.0]
)


def down_a_street() -> NDArray[np.float64]:
    """World-from-camera [N, 4, 4] of photos that are taken every eight metres."""
    return np.array([looking(8 * number * FORWARD, 8 * (number + 1) * FORWARD, UP) for number in range(PHOTOS)])


def model_of(poses: NDArray[np.float64]) -> pycolmap.Reconstruction:
    result = pycolmap.Reconstruction()
    result.add_camera_with_trivial_rig(CAMERA)
    for number, pose in enumerate(poses):
        image = pycolmap.Image(name=f"{number}.jpg", camera_id=1, image_id=number + 1)
        result.add_image_with_trivial_frame(image, pycolmap.Rigid3d(np.linalg.inv(pose)[:3]))
    return result


def write_matches(file: Path, matches: int) -> None:
    """What photos down the street have in common with the next two: points of the houses, with half a pixel of
    noise, and one in six wrong."""
    random = np.random.default_rng(0)
    poses = down_a_street()
    with pycolmap.Database.open(file) as db:
        db.write_camera(CAMERA, use_camera_id=True)
        for number in range(PHOTOS):
            db.write_image(pycolmap.Image(name=f"{number}.jpg", camera_id=1, image_id=number + 1), use_image_id=True)
        keypoints = [np.empty((0, 2)) for _ in poses]
        for one in range(PHOTOS):
            for other in range(one + 1, min(one + 3, PHOTOS)):
                side = random.choice([-4.0, 4.0], matches)
                height, ahead = random.uniform(-2, 6, matches), 8 * other + random.uniform(5, 60, matches)
                points = np.stack([side, ahead, height, np.ones(matches)], axis=1)
                geometry = pycolmap.TwoViewGeometry()
                geometry.config = int(pycolmap.TwoViewGeometryConfiguration.CALIBRATED)
                geometry.inlier_matches = np.stack(
                    [np.arange(matches) + len(keypoints[one]), np.arange(matches) + len(keypoints[other])], axis=1
                ).astype(np.uint32)
                db.write_two_view_geometry(one + 1, other + 1, geometry)
                for which in (one, other):
                    seen = points @ np.linalg.inv(poses[which]).T
                    pixels = FOCAL * seen[:, :2] / seen[:, 2:3] + SIZE / 2 + random.normal(0, 0.5, (matches, 2))
                    pixels[: matches // 6] = random.uniform(0, SIZE, (matches // 6, 2))
                    keypoints[which] = np.concatenate([keypoints[which], pixels])
        for number, pixels in enumerate(keypoints):
            db.write_keypoints(number + 1, pixels.astype(np.float32))


def turned_from(poses: NDArray[np.float64], photo: int, degrees: float) -> NDArray[np.float64]:
    """Poses of which all from one photo on are turned about that photo."""
    a, turn, to = np.radians(degrees), np.eye(4), np.eye(4)
    turn[:3, :3] = [[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]]
    to[:3, 3] = poses[photo, :3, 3]
    return np.concatenate([poses[:photo], to @ turn @ np.linalg.inv(to) @ poses[photo:]])


@pytest.mark.parametrize(
    ("poses", "matches", "hold", "left"),
    [
        (down_a_street(), 120, (), set(range(PHOTOS))),
        (turned_from(down_a_street(), 5, 40), 120, (), set(range(5))),
        (turned_from(down_a_street(), 3, 40), 120, (), set(range(3, PHOTOS))),
        (turned_from(down_a_street(), 5, 40), 120, ("6.jpg",), set(range(5, PHOTOS))),
        (turned_from(down_a_street(), 5, 40), 20, (), set(range(PHOTOS))),  # too few to tell
    ],
    ids=["right", "the end is turned", "the beginning is turned", "held", "few matches"],
)
def test_what_matches_contradict_goes(
    poses: NDArray[np.float64], matches: int, hold: tuple[str, ...], left: set[int], tmp_path: Path
) -> None:
    write_matches(tmp_path / "matches.db", matches)
    model = model_of(poses)
    remove_misplaced(model, tmp_path / "matches.db", hold)
    assert {int(model.image(image_id).name[0]) for image_id in model.reg_image_ids()} == left


def test_a_street_that_bends_all_along_is_not_confirmed(tmp_path: Path) -> None:
    write_matches(tmp_path / "matches.db", 120)
    assert confirmed_share(model_of(down_a_street()), tmp_path / "matches.db") == 1
    bent = down_a_street()
    for photo in range(1, PHOTOS):
        bent = turned_from(bent, photo, 12)
    model = model_of(bent)
    share = confirmed_share(model, tmp_path / "matches.db")
    assert share is not None
    assert share < 0.5
    remove_misplaced(model, tmp_path / "matches.db")
    assert model.num_reg_images() == PHOTOS, "which of them would be right nobody can tell"


def test_matches_that_are_too_few_tell_nothing(tmp_path: Path) -> None:
    write_matches(tmp_path / "matches.db", 20)
    assert confirmed_share(model_of(down_a_street()), tmp_path / "matches.db") is None


def test_wrong_matches_between_sides_that_look_alike_do_no_harm() -> None:
    ring = [Pair((number, number + 1), 100, 1.0) for number in range(9)]
    assert misplaced([*ring, Pair((0, 5), 400, 0.1), Pair((2, 7), 400, 0.1)]) == set()


def test_what_hangs_on_misplaced_photos_alone_goes_with_them() -> None:
    street = [Pair((number, number + 1), 100, 1.0) for number in range(9) if number not in (4, 5)]
    assert misplaced([*street, Pair((4, 5), 100, 0.3), Pair((5, 6), 100, 0.6)]) == {5, 6, 7, 8, 9}
    assert misplaced([*street, Pair((4, 5), 100, 0.6), Pair((5, 6), 100, 0.6)]) == set(), "neither is contradicted"


def tried(registered: int, confirmed: float | None) -> Attempt:
    return Attempt(ladder(False, False)[0], Pairing.EXHAUSTIVE, registered=registered, confirmed=confirmed)


def test_a_model_that_few_pairs_confirm_is_used_where_there_is_no_other() -> None:
    bent, straight = tried(29, 0.41), tried(24, 1.0)
    assert best_of([bent, straight], total=29, required_share=0.6) is straight
    assert best_of([bent, tried(3, 1.0)], total=29, required_share=0.6) is bent
    assert best_of([tried(29, None), straight], total=29, required_share=0.6).registered == 29
    registration = Registration(PoseOrigin.STRUCTURE_FROM_MOTION, 29, 29, [])
    assert registration.summary(None, "standard", [bent]) == (
        "29 of 29 photos registered, but only 41% of the overlapping pairs of photos confirm their places"
    )
