"""What is counted."""

from __future__ import annotations

from dataclasses import replace

from reconstruction_api.worker import PodReport
from reconstruction_operator.decide import decide
from reconstruction_operator.model import Observed
from reconstruction_operator.policies.reporting.measures import Measures, measures

from ..builders import (
    DELIVER,
    NOW,
    PREPARE,
    RECONSTRUCT,
    changed,
    cluster_profile,
    current,
    ended,
    failure,
    observed,
    pod_of,
    report_of,
    seconds,
    settled,
    spec_of,
    started,
    update,
    with_pod,
)


def measured(seen: Observed, after: float = 0) -> Measures:
    """What one decision, some seconds later, amounts to."""
    now = NOW + seconds(after)
    return measures(seen, decide(seen, now).status or seen.job.status, now)


def test_a_job_that_ends_well_is_counted_once_with_its_quality() -> None:
    seen = started(DELIVER)
    report = report_of(DELIVER, metrics={"psnr": "27.3"})
    done = with_pod(seen, ended(current(seen), 0, report), succeeded=True, ended=NOW)
    assert (measured(done).finished, measured(done).psnr) == (("Succeeded", "Completed"), 27.3)
    assert measured(settled(done)[0]).finished is None


def test_a_failure_is_counted_by_its_code_and_is_no_retry() -> None:
    seen = started(PREPARE)
    pod = ended(current(seen), 3, PodReport(failure=failure("EmptyMesh", retryable=False)))
    found = measured(with_pod(seen, pod, failed=True, ended=NOW))
    assert (found.finished, found.retries, found.state) == (("Failed", "EmptyMesh"), (), "Failed")


def test_a_retry_is_counted_by_class_and_code() -> None:
    seen = started(RECONSTRUCT)
    pod = ended(current(seen), 4, PodReport(failure=failure("GPUOutOfMemory")))
    assert measured(with_pod(seen, pod, failed=True, ended=NOW)).retries == (("reconstruct", "GPUOutOfMemory"),)


def test_an_interruption_is_counted_by_class() -> None:
    seen = started(RECONSTRUCT)
    found = measured(with_pod(seen, ended(current(seen), 5), failed=True, ended=NOW))
    assert (found.interruptions, found.retries) == (("reconstruct",), ())


def test_the_lag_runs_from_the_end_of_the_pod_to_its_result_in_status() -> None:
    seen = started(PREPARE)
    done = with_pod(seen, ended(current(seen), 0, report_of(PREPARE)), succeeded=True, ended=NOW)
    assert measured(done, after=10.75).status_lag_seconds == (0.75,)


def test_the_wait_for_a_node_is_measured_when_it_is_over() -> None:
    seen, _ = settled(observed())
    after = replace(seen, pods=(pod_of(current(seen)),))
    assert measured(after, after=42).admission_seconds == (42.0,)


def test_the_wait_for_the_first_running_pod_is_measured_once() -> None:
    seen, _ = settled(observed())
    running = replace(seen, pods=(pod_of(current(seen)),))
    assert measured(running, after=42).first_pod_seconds == (42.0,)
    assert measured(settled(running)[0], after=50).first_pod_seconds == ()
    later = started(RECONSTRUCT)
    assert measured(with_pod(later, pod_of(current(later))), after=42).first_pod_seconds == ()


def test_disrupted_pods_are_told_apart() -> None:
    seen = started(RECONSTRUCT)
    lost = replace(ended(current(seen), 5), disrupted=True)
    assert measured(with_pod(seen, lost)).disrupted == {lost.uid}


def test_the_time_of_a_stage_is_measured_when_it_is_done() -> None:
    seen = started(RECONSTRUCT)
    running = with_pod(seen, pod_of(current(seen)))
    running, _ = settled(replace(running, live=update(current(seen), "train", 1)))
    done = with_pod(running, ended(current(seen), 0, report_of(RECONSTRUCT)), succeeded=True, ended=NOW)
    assert ("train", 90.0) in measured(done, after=90).stage_seconds


def test_the_state_is_the_stage_or_how_the_job_ended() -> None:
    seen = started(RECONSTRUCT)
    assert measured(seen).state == "Waiting"
    running = replace(with_pod(seen, pod_of(current(seen))), live=update(current(seen), "train", 1))
    assert measured(running).state == "train"
    suspended = replace(seen, job=replace(seen.job, spec=spec_of(suspend=True), generation=2))
    assert measured(suspended).state == "Suspended"


def test_a_job_that_waits_is_counted_by_what_it_waits_for() -> None:
    seen = started(PREPARE)
    message = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
    pod = replace(pod_of(current(seen), "Pending"), scheduled=None, unscheduled_message=message)
    assert measured(with_pod(seen, pod), 10).waiting == "GPUUnavailable"
    assert measured(with_pod(seen, pod_of(current(seen)))).waiting == ""


def test_a_job_that_can_not_be_run_is_stalled_until_it_has_ended() -> None:
    seen, _ = settled(replace(started(PREPARE), profile=None, job=observed().job))
    assert measured(seen).stalled == "" and measured(seen, 300).stalled == "ProfileNotFound"
    seen = started(PREPARE)
    pod = ended(current(seen), 3, PodReport(failure=failure("EmptyMesh", retryable=False)))
    assert measured(with_pod(seen, pod, failed=True, ended=NOW)).stalled == ""


def test_gpu_time_is_that_of_the_training_pods_times_their_gpus() -> None:
    profile = cluster_profile(gpu={"limits": {"nvidia.com/gpu": 2, "memory": "32Gi"}})
    for spec, expected in ((spec_of(), 20.0), (spec_of(training={"device": "CPU"}), 0.0)):
        seen = started(RECONSTRUCT, spec, profile=profile)
        pod = ended(current(seen), 0, report_of(RECONSTRUCT, spec))
        assert measured(with_pod(seen, pod, succeeded=True, ended=NOW), 15).gpu_seconds == expected


def test_what_a_job_has_delivered_is_counted_once() -> None:
    seen = started(DELIVER)
    done = with_pod(seen, ended(current(seen), 0, report_of(DELIVER)), succeeded=True, ended=NOW)
    assert measured(done).artifact_bytes == 1
    assert measured(settled(done)[0]).artifact_bytes == 0


def test_what_a_job_has_delivered_that_ends_with_its_poses_is_counted() -> None:
    spec = spec_of(endAfter="Poses")
    prepared = started(PREPARE, spec)
    pod = ended(current(prepared), 0, report_of(PREPARE, spec))
    seen, _ = settled(with_pod(prepared, pod, succeeded=True, ended=NOW))
    done = with_pod(seen, ended(current(seen), 0, report_of(DELIVER, spec)), succeeded=True, ended=NOW)
    assert measured(done).artifact_bytes == 1


def test_a_job_that_fails_has_delivered_nothing_even_where_it_once_had() -> None:
    seen = started(DELIVER)
    delivered, _ = settled(with_pod(seen, ended(current(seen), 0, report_of(DELIVER)), succeeded=True, ended=NOW))
    assert delivered.job.status.artifacts
    renewed, _ = settled(changed(delivered, quality={"minPSNR": "99"}))
    below = PodReport(failure=failure("QualityBelowThreshold", retryable=False))
    again = next(run for run in renewed.job.status.runs if not run.completed)
    failed = with_pod(renewed, ended(again, 3, below), failed=True, ended=NOW)
    assert measured(failed).finished == ("Failed", "QualityBelowThreshold")
    assert measured(failed).artifact_bytes == 0
    assert settled(failed)[0].job.status.artifacts == []


def test_a_job_that_waits_to_be_accepted_is_not_counted_as_finished() -> None:
    refused = observed(spec_of(engine="of-a-tenants-own-invention"))
    assert measured(refused).finished is None
