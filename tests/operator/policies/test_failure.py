"""What the end of a pod means."""

from __future__ import annotations

import pytest

from reconstruction_api.worker import PodReport
from reconstruction_operator.policies.control.failure import ending_of

from ..builders import RECONSTRUCT, ended, failure, run_of

RUN = run_of(RECONSTRUCT)


@pytest.mark.parametrize(
    ("exit_code", "fields", "code"),
    [
        (137, {"container_reason": "OOMKilled"}, "HostOutOfMemory"),
        (137, {}, "HostOutOfMemory"),
        (139, {}, "InternalError"),
        (2, {}, "InternalError"),
        (3, {}, "InternalError"),
        (4, {}, "InternalError"),
        (70, {}, "InternalError"),
        (1, {}, "InternalError"),
        (128, {"container_reason": "StartError"}, "InternalError"),
        (None, {"reason": "DeadlineExceeded"}, "DeadlineExceeded"),
        (137, {"reason": "Evicted", "message": "ephemeral local storage"}, "DiskFull"),
    ],
)
def test_a_pod_without_a_report_is_judged_by_what_kubernetes_saw(exit_code, fields, code) -> None:
    ending = ending_of(ended(RUN, exit_code, **fields))
    assert ending.failure is not None and ending.failure.code == code
    assert ending.failure.suggestion


@pytest.mark.parametrize(
    ("exit_code", "fields"),
    [
        (5, {}),
        (143, {}),
        (137, {"disrupted": True}),
        (137, {"deleting": True}),
        (255, {"container_reason": "Unknown"}),
        (137, {"container_reason": "ContainerStatusUnknown"}),
        (None, {"reason": "NodeAffinity"}),
        (None, {"disrupted": True, "reason": "Evicted"}),
    ],
)
def test_a_pod_that_was_stopped_from_outside_is_interrupted(exit_code, fields) -> None:
    ending = ending_of(ended(RUN, exit_code, **fields))
    assert ending.failure is None and ending.interruption


def test_the_workers_own_words_win() -> None:
    report = PodReport(failure=failure("EmptyMesh", retryable=False))
    ending = ending_of(ended(RUN, 137, report, container_reason="OOMKilled"))
    assert ending.failure is not None and ending.failure.code == "EmptyMesh"


def test_the_status_of_a_cancelled_pod_wins_over_its_report() -> None:
    ending = ending_of(ended(RUN, 6, PodReport(failure=failure("EmptyMesh", retryable=False))))
    assert ending.failure is not None and ending.failure.code == "Cancelled"


@pytest.mark.parametrize("exit_code", [2, 3, 4, 70])
def test_no_other_status_says_more_than_the_report(exit_code: int) -> None:
    report = PodReport(failure=failure("GPUOutOfMemory", retryable=True))
    ending = ending_of(ended(RUN, exit_code, report))
    assert ending.failure == report.failure


def test_a_worker_that_says_it_was_preempted_is_interrupted() -> None:
    ending = ending_of(ended(RUN, 5, PodReport(failure=failure("Preempted"))))
    assert ending.failure is None and ending.interruption


def test_an_out_of_memory_kill_while_the_pod_is_deleted_is_still_one() -> None:
    ending = ending_of(ended(RUN, 137, container_reason="OOMKilled", deleting=True))
    assert ending.failure is not None and ending.failure.code == "HostOutOfMemory"
