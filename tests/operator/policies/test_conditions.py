"""Conditions as people and tools read them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconstruction_api.metric_names import Metric
from reconstruction_api.quality import Verdict
from reconstruction_api.worker import PodReport
from reconstruction_operator.decide import decide
from reconstruction_operator.policies.control.settling import GRACE

from ..builders import (
    DELIVER,
    NOW,
    PREPARE,
    RECONSTRUCT,
    changed,
    cluster_profile,
    condition,
    current,
    ended,
    failure,
    message,
    observed,
    pod_of,
    report_of,
    seconds,
    settled,
    spec_of,
    started,
    with_pod,
)

ORDER = ["Accepted", "Admitted", "Suspended", "PosesEstimated", "Trained", "Exported", "Validated", "Succeeded",
         "Finished", "Reconciling", "Stalled"]  # fmt: skip
GPU = {"limits": {"nvidia.com/gpu": 1}}


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
        "False",
        "False",
        "True",
    ]
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
    report = report_of(RECONSTRUCT, metrics={Metric.QUALITY_VERDICT: verdict})
    after, _ = settled(with_pod(seen, ended(current(seen), 0, report), succeeded=True, ended=NOW))
    assert condition(after.job.status, "Validated") == expected
    assert condition(after.job.status, "Succeeded")[0] == "Unknown", "the job continues"


@pytest.mark.parametrize(
    ("device", "trained_on", "profile", "expected"),
    [
        ("Auto", "NVIDIA L4", {"gpu": GPU}, ("True", "GPU")),
        ("Auto", "CPU", {}, ("False", "NoGPUInProfile")),
        ("Auto", "CPU", {"gpu": {"runtimeClassName": "nvidia"}}, ("False", "NoGPUFound")),
        ("CPU", "CPU", {"gpu": GPU}, ("False", "CPURequested")),
    ],
)
def test_a_job_says_what_it_was_trained_on(
    device: str, trained_on: str, profile: dict[str, Any], expected: tuple[str, str]
) -> None:
    seen = started(RECONSTRUCT, spec_of(training={"device": device}), profile=cluster_profile(**profile))
    assert not any(each.type == "TrainedOnGPU" for each in seen.job.status.conditions)
    report = report_of(RECONSTRUCT, seen.job.spec, metrics={Metric.DEVICE: trained_on})
    after, _ = settled(with_pod(seen, ended(current(seen), 0, report), succeeded=True, ended=NOW))
    assert condition(after.job.status, "TrainedOnGPU") == expected
    assert ("NVIDIA L4" in message(after.job.status, "TrainedOnGPU")) == (trained_on == "NVIDIA L4")


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


def test_what_a_job_waits_for_is_what_kubectl_get_shows() -> None:
    seen = started(RECONSTRUCT)
    assert condition(seen.job.status, "Succeeded") == ("Unknown", "Pending")
    short = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
    pod = replace(pod_of(current(seen), "Pending"), scheduled=None, unscheduled_message=short)
    after, _ = settled(with_pod(seen, pod), NOW + seconds(10))
    assert condition(after.job.status, "Succeeded") == ("Unknown", "GPUUnavailable")
    assert message(after.job.status, "Succeeded") == message(after.job.status, "Admitted")
    runs, _ = settled(with_pod(seen, pod_of(current(seen))))
    assert condition(runs.job.status, "Succeeded") == ("Unknown", "Running")


def test_finished_is_true_at_any_end_and_at_nothing_else() -> None:
    seen = started(DELIVER)
    assert condition(seen.job.status, "Finished") == ("False", "NotFinished")
    done, _ = settled(with_pod(seen, ended(current(seen), 0, report_of(DELIVER)), succeeded=True, ended=NOW))
    assert condition(done.job.status, "Finished") == ("True", "Completed")
    broken = PodReport(failure=failure("EmptyMesh", retryable=False))
    failed, _ = settled(with_pod(seen, ended(current(seen), 3, broken), failed=True, ended=NOW))
    assert condition(failed.job.status, "Finished") == ("True", "EmptyMesh")
    again, _ = settled(changed(failed, mesh={"targetFaces": 5000}))
    assert condition(again.job.status, "Finished")[0] == "False"
    refused, _ = settled(observed(profile=None))
    assert condition(refused.job.status, "Finished")[0] == "False"


def test_a_job_that_came_before_its_profile_is_not_stalled_for_five_minutes() -> None:
    seen, plan = settled(observed(profile=None))
    assert condition(seen.job.status, "Accepted") == ("False", "ProfileNotFound")
    assert condition(seen.job.status, "Stalled")[0] == "False"
    assert condition(seen.job.status, "Reconciling") == ("True", "Waiting")
    assert plan.next_check == NOW + GRACE
    later, plan = settled(seen, NOW + GRACE)
    assert condition(later.job.status, "Stalled") == ("True", "ProfileNotFound") and plan.next_check is None
    assert condition(later.job.status, "Reconciling")[0] == "False"


def test_a_mistake_in_the_spec_is_stalled_at_once() -> None:
    seen, _ = settled(observed(spec_of(engine="unheard-of")))
    assert condition(seen.job.status, "Stalled") == ("True", "EngineUnavailable")
