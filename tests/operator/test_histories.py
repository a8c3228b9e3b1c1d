"""Random histories of the whole operator over an API server in memory: whatever happens in whatever order, the promises
hold, and every job ends once the world holds still.

`make histories STEPS=1000000` plays more of them. A seed gives the same history each time.
"""

from __future__ import annotations

import os
from itertools import count, islice

import pytest

from .api_server.history import history, play, shortest, told
from .api_server.promises import BrokenPromiseError

LENGTH = 150
STEPS = int(os.environ.get("RECONSTRUCTION_HISTORY_STEPS", "20100"))
FIRST = int(os.environ.get("RECONSTRUCTION_HISTORY_SEED", "0"))
PARTS = 7
"""Of the seeds, so that several processes can share them."""


@pytest.mark.timeout(0)
@pytest.mark.parametrize("part", range(PARTS))
def test_no_history_breaks_a_promise_and_every_job_ends_once_the_world_holds_still(part: int) -> None:
    for seed in islice(count(FIRST), part, max(PARTS, STEPS // LENGTH), PARTS):
        steps = history(seed, LENGTH)
        try:
            play(seed, steps)
        except BrokenPromiseError as broken:
            happened = "\n".join(getattr(broken, "__notes__", []))
            pytest.fail(
                f"seed {seed}: {broken}\n{happened}\nThe steps that are needed:\n{told(shortest(seed, steps))}",
                pytrace=False,
            )
