"""Too few placed photos end the job with their names."""

from __future__ import annotations

import numpy as np
import pytest

from reconstruction_api.documents.registration import PoseOrigin
from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.ingest.dataset import Original
from reconstruction_worker.poses.registration import Registration, listed

from .scenes import a_model, an_image, survey_poses


def a_registration(placed: int, total: int) -> Registration:
    photos = [
        an_image(f"{i:03d}.png", original=Original(name=f"IMG_{i:03d}.JPG", width=400, height=300, sha256=str(i)))
        for i in range(total)
    ]
    return Registration.of(PoseOrigin.STRUCTURE_FROM_MOTION, a_model(survey_poses(placed), np.zeros((0, 3))), photos)


def test_unplaced_photos_are_named_as_in_the_source() -> None:
    registration = a_registration(placed=5, total=20)
    with pytest.raises(ReconstructionError) as failure:
        registration.require(60)
    assert failure.value.code == "LowRegistration"
    assert "Only 5 of 20 photos could be placed (25 %" in failure.value.message
    assert "IMG_005.JPG, IMG_006.JPG" in failure.value.message
    assert failure.value.message.endswith("and 7 more.")
    assert failure.value.details["unregistered"] == [f"IMG_{i:03d}.JPG" for i in range(5, 20)]


@pytest.mark.parametrize(("placed", "percent"), [(12, 60), (20, 100), (1, 1)])
def test_as_many_photos_as_asked_for_are_enough(placed: int, percent: int) -> None:
    a_registration(placed, total=20).require(percent)


def test_long_lists_are_cut_short() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed([str(i) for i in range(10)]) == "0, 1, 2, 3, 4, 5, 6, 7 and 2 more"


def test_photos_that_were_made_small_are_said_to_be() -> None:
    photos = [
        an_image(
            f"{i:03d}.png",
            width=640,
            height=480,
            original=Original(name=f"IMG_{i:03d}.JPG", width=4000, height=3000, sha256=str(i)),
        )
        for i in range(20)
    ]
    model = a_model(survey_poses(5), np.zeros((0, 3)))
    with pytest.raises(ReconstructionError) as failure:
        Registration.of(PoseOrigin.STRUCTURE_FROM_MOTION, model, photos).require(60)
    assert "scaled to 640 pixels from 4000 (spec.images.maxSidePixels)" in failure.value.message
    assert failure.value.suggestion.startswith("Set spec.images.maxSidePixels to 1600")
