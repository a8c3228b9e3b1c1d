"""Which views a verdict rests on, and how sure a mean over them is."""

from __future__ import annotations

import pytest

from reconstruction_worker.quality.basis import (
    ONE_VIEW,
    SAME_VIEWS,
    judged_by,
    kept_from_texture,
    looked_at,
    margin,
)


def names(count: int) -> list[str]:
    return [f"IMG_{index}.png" for index in range(count)]


def test_all_held_out_photos_count_where_nothing_was_chosen_by_them() -> None:
    assert judged_by(names(8), early_stopping=False) == (names(8), None)
    assert judged_by(names(1), early_stopping=False) == (names(1), ONE_VIEW)


def test_early_stopping_and_the_verdict_share_no_view_where_there_are_enough() -> None:
    judged, caution = judged_by(names(8), early_stopping=True)
    assert caution is None
    assert len(judged) == 4
    assert not {names(8)[index] for index in looked_at(8)}.intersection(judged)


def test_it_is_said_where_they_share_them() -> None:
    assert judged_by(names(4), early_stopping=True) == (names(4), SAME_VIEWS)


def test_a_small_set_has_more_photos_kept_from_its_texture_but_never_many() -> None:
    assert len(kept_from_texture(2, names(21))) == 3
    assert len(kept_from_texture(1, names(9))) == 2
    assert kept_from_texture(1, names(3)) == []
    assert kept_from_texture(8, names(90)) == []


def test_the_margin_is_that_of_a_mean_and_a_single_view_has_none() -> None:
    assert margin([20.0, 22.0, 24.0]) == pytest.approx(4.303 * 2 / 3**0.5, abs=1e-2)
    assert margin([20.0]) is None
