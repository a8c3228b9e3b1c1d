"""What a person is told to do about a result that is not good enough."""

from __future__ import annotations

from reconstruction_api.documents.quality import ViewQuality
from reconstruction_worker.quality.next_step import next_step

STEADY = [(step, 22.0) for step in range(50, 1001, 50)]
RISING = [(step, 15 + step / 150) for step in range(50, 1001, 50)]


def views(*psnr: float) -> list[ViewQuality]:
    return [ViewQuality(name=f"{number}.png", psnr=value, ssim=0.8) for number, value in enumerate(psnr)]


def test_photos_that_are_much_worse_than_the_others_are_named_as_in_the_source() -> None:
    said = next_step(views(21, 22, 12, 21.5), STEADY, {"2": "DSC_0003.JPG"})
    assert said is not None
    assert "DSC_0003.JPG" in said


def test_where_most_are_bad_none_of_them_is_odd() -> None:
    assert next_step(views(21, 12, 11, 12), STEADY, {}) != next_step(views(21, 22, 12, 21.5), STEADY, {})


def test_training_that_still_gains_goes_on() -> None:
    said = next_step(views(19, 20, 21), RISING, {})
    assert said == "Train longer: the last quarter of the training has gained 1.7 dB."


def test_photos_are_missing_where_only_those_that_were_trained_on_are_shown_well() -> None:
    said = next_step(views(16, 16.5, 17), STEADY, {})
    assert said is not None
    assert said.startswith("Add photos between those that are there")
    assert "6 dB" in said


def test_a_side_without_photos_comes_before_more_training_and_after_photos_that_stand_out() -> None:
    assert next_step(views(19, 20, 21), RISING, {}, "the left: ...") == "Add photos from the left: ...."
    said = next_step(views(21, 22, 12, 21.5), STEADY, {}, "the left: ...")
    assert said is not None
    assert said.startswith("Look at")


def test_nothing_is_said_where_nothing_stands_out() -> None:
    assert next_step(views(21, 22, 23), STEADY, {}) is None
    assert next_step(views(21, 22, 23), [], {}) is None
    assert next_step([], STEADY, {}) is None
