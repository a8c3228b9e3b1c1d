"""How the death of a stage's process is read."""

from __future__ import annotations

import errno
import signal
from pathlib import Path

import pytest

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.stages import StageName
from reconstruction_worker import disk_space
from reconstruction_worker.failures import from_exception, from_exit

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


DISK_FULL = [
    OSError(errno.ENOSPC, "No space left on device"),
    OSError(errno.EDQUOT, "Disk quota exceeded"),
    RuntimeError("[enforce fail at inline_container.cc:664] . PytorchStreamWriter failed writing file data/3"),
    RuntimeError("SQLite error: database or disk is full"),
]


@pytest.mark.parametrize("exception", DISK_FULL, ids=str)
def test_a_full_disk_is_told_whoever_could_not_write(exception: Exception) -> None:
    assert from_exception(exception, StageName.TRAIN).code == "DiskFull"
    try:
        try:
            raise exception
        except Exception as cause:
            raise ValueError("could not save") from cause
    except ValueError as wrapped:
        assert from_exception(wrapped, StageName.TRAIN).code == "DiskFull"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ReconstructionError("PoseEstimationFailed", "x"), "DiskFull"),
        (ReconstructionError("ImageCorrupt", "x"), "DiskFull"),
        (RuntimeError("x"), "DiskFull"),
        (ReconstructionError("InvalidPoses", "x"), "InvalidPoses"),
        (MemoryError(), "HostOutOfMemory"),
    ],
    ids=str,
)
def test_with_a_full_workspace_photos_are_not_blamed(
    error: Exception, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_space, "FULL_BYTES", 2**62)
    assert from_exception(error, StageName.POSES, tmp_path).code == code
    crash = from_exit(
        StageName.POSES, -signal.SIGABRT, peak_memory=0, memory_limit=None, oom_killed=False, workspace=tmp_path
    )
    assert crash.code == "DiskFull"


@pytest.mark.parametrize(
    "message",
    [
        "CUDA error: no kernel image is available for execution on the device\nErrors might be reported later.",
        "radix_sort: failed on 1st step: cudaErrorNoKernelImageForDevice: no kernel image",
        "CUDA error: the provided PTX was compiled with an unsupported toolchain.",
    ],
)
def test_an_image_whose_kernels_are_for_other_gpus_is_tried_elsewhere(message: str) -> None:
    error = from_exception(RuntimeError(message), StageName.TRAIN)
    assert (error.code, error.kind.retryable) == ("GPUUnavailable", True)
    assert message.split("\n")[0].rstrip(".") in error.message
    assert "reported later" not in error.message
    assert "CUDA_ARCHITECTURES" in error.suggestion
