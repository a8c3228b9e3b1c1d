"""Pods that are evicted or preempted, sidecars, and clocks of nodes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconstruction_api.worker import Checkpoint, PodReport
from reconstruction_operator.actions import CreateJob, DeleteJob
from reconstruction_operator.decide import decide
from reconstruction_operator.model import Container, Observed, Pod
from reconstruction_operator.policies.control.interruptions import eviction_code

from ..builders import (
    NOW,
    PREPARE,
    RECONSTRUCT,
    actions,
    condition,
    current,
    ended,
    failure,
    message,
    pod_of,
    report_of,
    seconds,
    settled,
    spec_of,
    started,
    with_pod,
)

MEMORY = (
    "The node was low on resource: memory. Threshold quantity: 100Mi, available: 52Mi. Container worker was using "
    "14Gi, request is 4Gi, has larger consumption of memory. "
)
OTHERS = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 52Mi. "
DISK = 'Usage of EmptyDir volume "tmp" exceeds the limit "1Gi". '


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (MEMORY, "HostOutOfMemory"),
        (OTHERS, ""),
        (DISK, "DiskFull"),
        ("Pod ephemeral local storage usage exceeds the total limit of containers 10Gi. ", "DiskFull"),
        ("Container worker exceeded its local ephemeral storage limit 1Gi. ", "DiskFull"),
        (
            "The node was low on resource: ephemeral-storage. Container worker was using 30Gi, request is 0, has "
            "larger consumption of ephemeral-storage. ",
            "DiskFull",
        ),
        ("The node was low on resource: memory. Container istio-proxy was using 2Gi, request is 0. ", ""),
        ("Preempted by pod abc on node n.", ""),
    ],
)
def test_an_eviction_is_a_pods_own_doing_only_if_the_kubelet_says_so(words: str, code: str) -> None:
    pod = replace(pod_of(current(started(PREPARE)), "Failed"), message=words, disrupted=True)
    assert eviction_code(pod) == code


def evicted(seen: Observed, words: str, number: int) -> Pod:
    pod = ended(current(seen), 137, None, disrupted=True, reason="Evicted", message=words)
    return replace(pod, name=f"pod-{number}", uid=f"uid-{number}", created=NOW + seconds(60 * number))


def evict(seen: Observed, words: str, number: int) -> Observed:
    """The pod is evicted, and Kubernetes makes another one within the same Job."""
    replacement = replace(
        pod_of(current(seen)),
        name=f"pod-{number + 1}",
        uid=f"uid-{number + 1}",
        created=NOW + seconds(60 * number + 60),
    )
    others = [pod for pod in seen.pods if pod.name not in (f"pod-{number}", pod_of(current(seen)).name)]
    return replace(seen, pods=(*others, evicted(seen, words, number), replacement))


def test_the_second_eviction_for_what_the_pod_used_itself_is_a_failed_attempt_with_the_kubelets_words() -> None:
    first, plan = settled(evict(started(RECONSTRUCT), MEMORY, 1))
    run = current(first)
    assert (run.interruptions, run.evictions, run.failures) == (1, 1, 0) and "14Gi" in run.trouble
    assert actions(plan, DeleteJob) == []
    again, _ = settled(first)
    assert current(again).interruptions == 1, "counted once"
    second, plan = settled(evict(first, MEMORY, 2))
    run = current(second)
    assert run.failures == 1 and run.attempt == 2
    assert (
        run.trouble.startswith("HostOutOfMemory: The pod was evicted 2 times") and "14Gi, request is 4Gi" in run.trouble
    )
    assert len(actions(plan, DeleteJob)) == 1, "its replacement is stopped"


def test_a_job_that_is_evicted_for_its_own_memory_ends() -> None:
    seen, now = started(RECONSTRUCT), NOW
    for number in range(1, 10):
        pod = evicted(seen, MEMORY, number)
        seen, _ = settled(with_pod(seen, pod, failed=True, ended=now), now)
        if seen.job.status.completion_time:
            break
        now += seconds(3600)
        finished = tuple(child for child in seen.child_jobs if child.finished)
        seen, _ = settled(replace(seen, child_jobs=finished), now)
    assert seen.job.status.failure is not None and seen.job.status.failure.code == "HostOutOfMemory"
    assert number == 1 + spec_of().retry_policy.max_attempts


def test_evictions_because_of_others_never_fail_a_job_but_five_in_vain_are_told() -> None:
    seen = started(RECONSTRUCT)
    for number in range(1, 5):
        seen, _ = settled(evict(seen, OTHERS, number))
    assert condition(seen.job.status, "Stalled")[0] == "False"
    seen, plan = settled(evict(seen, OTHERS, 5))
    assert condition(seen.job.status, "Stalled") == ("True", "NoProgress")
    assert condition(seen.job.status, "Reconciling") == ("False", "NoProgress")
    assert "5 times in a row" in message(seen.job.status, "Stalled") and current(seen).failures == 0
    assert actions(plan, DeleteJob) == [] and seen.job.status.completion_time is None
    checkpoint = Checkpoint(name="train/checkpoints/step-001000.ckpt", step=1000, size_bytes=1, sha256="0" * 64)
    status = seen.job.status.model_copy(update={"checkpoints": [checkpoint]})
    further, _ = settled(evict(replace(seen, job=replace(seen.job, status=status)), OTHERS, 6))
    assert condition(further.job.status, "Stalled")[0] == "False"


def test_a_worker_that_has_ended_decides_whatever_else_runs_in_its_pod() -> None:
    seen = started(PREPARE)
    pod = replace(ended(current(seen), 0, report_of(PREPARE)), phase="Running", accompanied=True)
    after, plan = settled(with_pod(seen, pod))
    assert current(seen).job_name in {each.name for each in actions(plan, DeleteJob)}, "the sidecar is stopped"
    assert after.job.status.runs[0].completed and actions(plan, CreateJob) == []
    gone = replace(after, child_jobs=(), pods=())
    assert len(actions(decide(gone, NOW), CreateJob)) == 1


def test_a_worker_that_has_failed_decides_as_well() -> None:
    seen = started(PREPARE)
    broken = PodReport(failure=failure("PoseEstimationFailed", retryable=False))
    after, plan = settled(with_pod(seen, replace(ended(current(seen), 3, broken), phase="Running", accompanied=True)))
    assert after.job.status.failure is not None and after.job.status.failure.code == "PoseEstimationFailed"
    assert len(actions(plan, DeleteJob)) == 1


def test_a_container_that_ends_a_moment_before_its_pod_is_no_sidecars_doing() -> None:
    seen = started(PREPARE)
    almost = replace(ended(current(seen), 0, report_of(PREPARE)), phase="Running")
    now = NOW + seconds(11)
    after, plan = settled(with_pod(seen, almost), now)
    assert actions(plan, DeleteJob) == [] and not after.job.status.runs[0].completed
    done, plan = settled(with_pod(after, replace(almost, phase="Succeeded")), now)
    assert done.job.status.runs[0].completed and actions(plan, DeleteJob) == []


def test_a_sidecar_that_fails_after_the_worker_is_no_failure() -> None:
    seen = started(PREPARE)
    pod = replace(ended(current(seen), 0, report_of(PREPARE)), phase="Failed")
    after, _ = settled(with_pod(seen, pod, failed=True, ended=NOW))
    assert after.job.status.runs[0].completed and after.job.status.failure is None


def test_a_pod_that_ended_with_a_report_is_enough_and_its_job_ends_by_itself() -> None:
    seen = started(PREPARE)
    after, plan = settled(with_pod(seen, ended(current(seen), 0, report_of(PREPARE))))
    assert after.job.status.runs[0].completed and actions(plan, DeleteJob) == []
    assert len(actions(plan, CreateJob)) == 1


@pytest.mark.parametrize("shift", [-3 * 3600, -600, 0, 7200], ids=["3 h behind", "10 min behind", "right", "2 h ahead"])
@pytest.mark.parametrize("field", ["activeDeadlineSeconds", "softDeadlineSeconds"])
def test_a_nodes_clock_makes_no_deadline(shift: int, field: str) -> None:
    spec: Any = spec_of(**{field: 600})
    seen = started(PREPARE, spec)
    pod = pod_of(current(seen), container=Container(started=NOW + seconds(shift)))
    seen, _ = settled(with_pod(seen, pod), NOW + seconds(30))
    assert seen.job.status.failure is None and condition(seen.job.status, "Suspended")[0] == "False"
    assert current(seen).pods[0].started == "2026-03-01T12:00:00Z" if shift <= 0 else "2026-03-01T12:00:30Z"
    late, _ = settled(seen, NOW + seconds(631))
    assert late.job.status.failure is not None or condition(late.job.status, "Suspended")[0] == "True"


def test_the_running_time_is_what_the_node_measured_not_when_it_says_it_was() -> None:
    seen = started(PREPARE)
    shifted = Container(
        started=NOW - seconds(7200),
        ended=NOW - seconds(7000),
        exit_code=0,
        message=report_of(PREPARE).to_termination_message(),
    )
    pod = pod_of(current(seen), "Succeeded", container=shifted)
    after, _ = settled(with_pod(seen, pod, succeeded=True, ended=NOW), NOW + seconds(210))
    assert after.job.status.runs[0].seconds == 200
