"""Conditions as people and tools read them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconstruction_api.quality import QUALITY_VERDICT, Verdict
from reconstruction_api.worker import PodReport
from reconstruction_operator.decide import decide

from ..builders import (
    DELIVER,
    NOW,
    PREPARE,
    RECONSTRUCT,
    condition,
    current,
    ended,
    failure,
    observed,
    pod_of,
    report_of,
    seconds,
    settled,
    started,
    with_pod,
)

ORDER = ["Accepted", "Admitted", "Suspended", "PosesEstimated", "Trained", "Exported", "Validated", "Succeeded",
         "Reconciling", "Stalled"]  # fmt: skip


def test_all_conditions_are_there_from_the_first_status_on() -> None:
    seen, _ = settled(observed())
    assert [each.type for each in seen.job.status.conditions] == ORDER
    assert {each.observed_generation for each in seen.job.status.conditions} == {1}


def test_the_transition_time_moves_only_with_the_status() -> None:
    seen = started(PREPARE)
    first = {each.type: each.last_transition_time for each in seen.job.status.conditions}
    after, _ = settled(with_pod(seen, pod_of(current(seen))), NOW + seconds(60))
    second = {each.type: each.last_transition_time for each in after.job.status.conditions}
    assert {name for name in ORDER if first[name] != second[name]} == {"Admitted"}


def test_a_running_job_is_reconciling_for_kstatus() -> None:
    seen = started(PREPARE)
    assert condition(seen.job.status, "Reconciling")[0] == "True"
    assert condition(seen.job.status, "Stalled")[0] == "False"
    assert condition(seen.job.status, "Succeeded")[0] == "Unknown"


def test_a_finished_job_is_current_for_kstatus() -> None:
    seen = started(DELIVER)
    after, plan = settled(with_pod(seen, ended(current(seen), 0, report_of(DELIVER)), succeeded=True, ended=NOW))
    assert [condition(after.job.status, name)[0] for name in ("Reconciling", "Stalled", "Succeeded")] == [
        "False", "False", "True"]  # fmt: skip
    assert after.job.status.completion_time and plan.next_check is None


def test_conditions_follow_the_stages() -> None:
    seen = started(RECONSTRUCT)
    assert condition(seen.job.status, "PosesEstimated") == ("True", "Succeeded")
    assert condition(seen.job.status, "Trained") == ("False", "Pending")


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (Verdict.PASS, ("True", "QualityPassed")),
        (Verdict.WARN, ("True", "QualityWarning")),
        (Verdict.FAIL, ("False", "QualityFailed")),
        ("splendid", ("True", "Evaluated")),
    ],
)
def test_the_verdict_on_the_quality_is_the_reason_of_validated(verdict: str, expected: tuple[str, str]) -> None:
    seen = started(RECONSTRUCT)
    report = report_of(RECONSTRUCT, metrics={QUALITY_VERDICT: verdict})
    after, _ = settled(with_pod(seen, ended(current(seen), 0, report), succeeded=True, ended=NOW))
    assert condition(after.job.status, "Validated") == expected
    assert condition(after.job.status, "Succeeded")[0] == "Unknown", "the job goes on"


def test_a_job_that_failed_by_its_quality_bar_says_so_in_validated_too() -> None:
    seen = started(RECONSTRUCT)
    report = PodReport(failure=failure("QualityBelowThreshold", retryable=False, stage="evaluate"))
    pod = ended(current(seen), 3, report)
    after, _ = settled(with_pod(seen, pod, failed=True, ended=NOW))
    assert condition(after.job.status, "Validated") == ("False", "QualityFailed")
    assert condition(after.job.status, "Succeeded") == ("False", "QualityBelowThreshold")
    assert settled(after)[1].status is None


def test_deciding_twice_changes_nothing() -> None:
    seen = started(RECONSTRUCT)
    plan = decide(replace(seen, pods=(*seen.pods, pod_of(current(seen)))), NOW)
    after, _ = settled(replace(seen, pods=(*seen.pods, pod_of(current(seen)))))
    assert plan.status is not None and decide(after, NOW + seconds(30)).status is None
