"""How the death of a stage's process is read."""

from __future__ import annotations

import signal

import pytest

from reconstruction_api.stages import StageName
from reconstruction_worker.failures import from_exit

GIB = 2**30


@pytest.mark.parametrize(
    ("status", "peak", "oom_killed", "code"),
    [
        (-signal.SIGKILL, 7 * GIB, False, "HostOutOfMemory"),
        (-signal.SIGKILL, 1 * GIB, True, "HostOutOfMemory"),
        (-signal.SIGKILL, 1 * GIB, False, "InternalError"),
        (-signal.SIGSEGV, 1 * GIB, False, "InternalError"),
        (-signal.SIGTERM, 1 * GIB, False, "InternalError"),
        (1, 1 * GIB, False, "InternalError"),
    ],
)
def test_a_kill_is_taken_for_lack_of_memory_only_where_that_is_plausible(
    status: int, peak: int, oom_killed: bool, code: str
) -> None:
    error = from_exit(StageName.TRAIN, status, peak_memory=peak, memory_limit=8 * GIB, oom_killed=oom_killed)
    assert error.code == code
    assert error.kind.retryable


def test_the_numbers_behind_an_out_of_memory_kill_are_told() -> None:
    error = from_exit(StageName.MESH, -signal.SIGKILL, peak_memory=4 * GIB, memory_limit=None, oom_killed=True)
    assert "4096 MiB" in error.message
