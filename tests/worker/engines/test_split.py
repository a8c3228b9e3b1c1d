from pathlib import Path

import pytest

from reconstruction_worker.engines.nerf.split import choose_split, read_split


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
