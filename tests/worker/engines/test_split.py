from pathlib import Path

import pytest

from reconstruction_worker.engines.nerf.split import MOST_GIVEN, choose_split, given_split, read_split


def names(count: int) -> list[str]:
    return [f"photo_{i:03d}.png" for i in range(count)]


@pytest.mark.parametrize(("photos", "held_out"), [(2, 0), (3, 1), (10, 1), (18, 2), (40, 4), (80, 8), (500, 8)])
def test_one_photo_in_ten_is_held_out_but_no_more_than_eight(photos: int, held_out: int) -> None:
    split = choose_split(names(photos))
    assert len(split.held_out) == held_out
    assert sorted((*split.train, *split.held_out)) == names(photos)


def test_held_out_photos_are_spread_over_the_capture_with_neighbours_on_both_sides() -> None:
    assert choose_split(names(40)).held_out == tuple(f"photo_{i:03d}.png" for i in (5, 15, 25, 35))


def test_a_split_is_read_as_it_was_written(tmp_path: Path) -> None:
    split = choose_split(names(12))
    split.write(tmp_path / "split.json")
    assert read_split(tmp_path / "split.json") == split


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
