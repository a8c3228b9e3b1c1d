"""The photos that splats compare themselves with."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from reconstruction_worker.engines.splats.method import SplatsMethod
from reconstruction_worker.engines.splats.photos import Photos
from tests.worker.engines.tiny_scene import write_ball
from tests.worker.engines.untrained import set_up

VIEWS, SIZE = 6, 40


def test_what_has_been_copied_goes_before_the_next_is_copied(tmp_path: Path) -> None:
    """All photos twice would be half of what a training on many takes."""
    write_ball(tmp_path, views=VIEWS, size=SIZE)
    setup = set_up(SplatsMethod(), tmp_path)
    setup.pictures[:] = [picture.copy() for picture in setup.pictures]  # no memory of the decoder's
    expected = [picture.copy() for picture in setup.pictures]
    references = [weakref.ref(picture) for picture in setup.pictures]
    there = []

    def watched() -> Iterator[NDArray[np.uint8]]:
        for picture in setup.handed_over():
            there.append(sum(reference() is not None for reference in references))
            yield picture

    photos = Photos(setup.cameras, watched(), 0.5, torch.device("cpu"))
    assert there == [min(VIEWS, VIEWS + 1 - index) for index in range(VIEWS)]  # and the one before, in the loop
    assert len(photos) == VIEWS
    for index, picture in enumerate(expected):
        whole, small = photos.at(index, small=False), photos.at(index, small=True)
        assert (whole.alpha.numpy() == picture[..., 3]).all()
        opaque = picture[..., 3] == 255
        assert (whole.planes.numpy().transpose(1, 2, 0)[opaque] == picture[opaque, :3]).all()
        assert small.planes.shape == (3, SIZE // 2, SIZE // 2)
