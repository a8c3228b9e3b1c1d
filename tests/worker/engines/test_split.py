from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reconstruction_worker.engines.training.posed_photos import PosedPhoto, Scene
from reconstruction_worker.engines.training.split import MOST_GIVEN, choose_split, given_split, read_split, split_of
from reconstruction_worker.files import write_document
from reconstruction_worker.geometry.rendering import Camera


def names(count: int) -> list[str]:
    return [f"photo_{i:03d}.png" for i in range(count)]


@pytest.mark.parametrize(("photos", "held_out"), [(2, 0), (4, 0), (5, 1), (10, 1), (18, 2), (40, 4), (80, 8), (500, 8)])
def test_one_photo_in_ten_is_held_out_but_no_more_than_eight(photos: int, held_out: int) -> None:
    split = choose_split(names(photos))
    assert len(split.held_out) == held_out
    assert sorted((*split.train, *split.held_out)) == names(photos)


def test_held_out_photos_are_spread_over_the_capture_with_neighbours_on_both_sides() -> None:
    assert choose_split(names(40)).held_out == tuple(f"photo_{i:03d}.png" for i in (5, 15, 25, 35))


def test_a_split_is_read_as_it_was_written(tmp_path: Path) -> None:
    split = choose_split(names(12))
    write_document(tmp_path / "split.json", split)
    assert read_split(tmp_path) == split


def test_a_division_that_came_with_the_poses_is_kept() -> None:
    shares = {**dict.fromkeys(names(100), "train"), "val.png": "unused"}
    shares.update({f"test_{i:03d}.png": "eval" for i in range(200)})
    split = given_split(shares)
    assert split is not None
    assert split.train == tuple(names(100))
    assert len(set(split.held_out)) == MOST_GIVEN
    assert split.held_out[0] == "test_004.png"


def test_a_division_that_leaves_nothing_to_train_on_is_none() -> None:
    assert given_split({}) is None
    assert given_split({"a.png": "train", "b.png": "eval", "c.png": "eval"}) is None


def scene(shares: Mapping[str, str | None], *, can_hold_out: bool = True) -> Scene:
    camera = Camera(np.eye(4), 1, 1, 1, 1, 2, 2)
    photos = tuple(PosedPhoto(name, Path(name), camera, share=share) for name, share in shares.items())
    return Scene(photos, True, np.zeros((2, 3)), 1.0, 2.0, can_hold_out=can_hold_out)


def test_a_job_may_want_all_photos_to_be_trained_on() -> None:
    shares = {"a.png": "train", "b.png": "eval", "c.png": "unused", "d.png": "train"}
    split = split_of(scene(shares), hold_out=False)
    assert (split.train, split.held_out) == (("a.png", "b.png", "d.png"), ())
    assert split_of(scene(shares), hold_out=True).held_out == ("b.png",)


def test_photos_that_can_not_be_missed_are_all_trained_on() -> None:
    split = split_of(scene(dict.fromkeys(names(6)), can_hold_out=False), hold_out=True)
    assert (split.train, split.held_out) == (tuple(names(6)), ())


@pytest.mark.parametrize(("hold_out", "can_hold_out"), [(True, True), (False, True), (True, False)])
def test_photos_without_a_mask_of_a_masked_object_are_neither_trained_on_nor_held_out(
    hold_out: bool, can_hold_out: bool
) -> None:
    whole = scene(dict.fromkeys(names(10)), can_hold_out=can_hold_out)
    photos = tuple(replace(photo, usable=index != 5) for index, photo in enumerate(whole.photos))
    split = split_of(replace(whole, photos=photos), hold_out=hold_out)
    assert sorted((*split.train, *split.held_out)) == names(10)[:5] + names(10)[6:]


def test_a_given_division_leaves_them_out_too() -> None:
    shares = {"a.png": "train", "b.png": "eval", "c.png": "train", "d.png": "train", "e.png": "eval"}
    whole = scene(shares)
    photos = tuple(replace(photo, usable=photo.name not in ("d.png", "e.png")) for photo in whole.photos)
    split = split_of(replace(whole, photos=photos), hold_out=True)
    assert (split.train, split.held_out) == (("a.png", "c.png"), ("b.png",))
