"""The order in which strategies are tried, and what changes with the number of photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reconstruction_worker.poses import strategies
from reconstruction_worker.poses.strategies import FEATURES_OF_MANY, HUGE, MANY, ladder

from .scenes import ball_photos
from .test_hard_sets import placed, ring


def names(**known: object) -> list[str]:
    return [step.name for step in ladder(**{"known_focals": False, "masked": False, **known})]  # type: ignore[arg-type]


@pytest.mark.parametrize(("photos", "features"), [(MANY, 8192), (MANY + 1, FEATURES_OF_MANY)])
def test_many_photos_need_fewer_features_each(photos: int, features: int) -> None:
    assert ladder(False, False, photos=photos)[0].features.max_features == features


def test_only_huge_sets_are_placed_all_at_once_first() -> None:
    assert names(photos=HUGE)[0] == "standard"
    assert names(photos=HUGE + 1)[:2] == ["all at once", "standard"]


def test_lenses_are_only_told_apart_where_they_are_guessed() -> None:
    assert "own lenses" not in names()
    steps = names(guessed_lenses=True)
    assert steps.index("distorted") < steps.index("own lenses") < steps.index("learned features")


def test_placing_all_at_once_is_as_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strategies, "HUGE", 5)
    views = ring(np.arange(-60, 61, 15).tolist(), (-5.0, 15.0))
    registration, error = placed(tmp_path, ball_photos(views), views)
    assert registration["strategy"] == "all at once"
    assert registration["registered"] == len(views)
    assert error <= 0.01
