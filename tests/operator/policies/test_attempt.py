"""Where an attempt is, from its child Job and pods."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconstruction_operator.actions import CreateJob, DeleteJob, Inquiry
from reconstruction_operator.decide import decide
from reconstruction_operator.model import Container

from ..builders import (
    NOW,
    PREPARE,
    actions,
    carried_out,
    cluster_profile,
    condition,
    current,
    ended,
    message,
    observed,
    pod_of,
    report_of,
    seconds,
    settled,
    spec_of,
    started,
    with_pod,
    workspace,
)


def pending(**container):
    seen = started(PREPARE)
    return with_pod(seen, pod_of(current(seen), "Pending", container=Container(**container)))


def test_nothing_is_written_between_the_request_for_a_pod_and_the_schedulers_word() -> None:
    plan = decide(observed(), NOW)
    assert plan.next_check == NOW + seconds(10)
    seen = carried_out(observed(), plan)
    assert decide(seen, NOW + seconds(1)).status is None
    seen = with_pod(seen, replace(pod_of(current(seen), "Pending"), scheduled=None))
    assert decide(seen, NOW + seconds(1)).status is None
    after, _ = settled(seen, NOW + seconds(11))
    assert message(after.job.status, "Admitted") == "The pod waits for a node."


def test_an_unschedulable_pod_waits_and_says_what_is_missing() -> None:
    seen = started(PREPARE)
    pod = replace(
        pod_of(current(seen), "Pending"),
        scheduled=None,
        unscheduled_reason="Unschedulable",
        unscheduled_message="0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
    )
    early, plan = settled(with_pod(seen, pod))
    assert condition(early.job.status, "Admitted") == ("False", "Pending") and plan.next_check == NOW + seconds(10)
    after, _ = settled(early, NOW + seconds(10))
    assert condition(after.job.status, "Admitted") == ("False", "GPUUnavailable")
    assert "Insufficient nvidia.com/gpu" in message(after.job.status, "Admitted")
    assert condition(after.job.status, "Reconciling") == ("True", "Waiting")
    assert after.job.status.failure is None


def test_photos_on_a_claim_that_does_not_exist_are_waited_for_and_then_missed() -> None:
    seen = started(PREPARE)
    pod = replace(
        pod_of(current(seen), "Pending"),
        scheduled=None,
        unscheduled_reason="Unschedulable",
        unscheduled_message='0/1 nodes are available: persistentvolumeclaim "photos" not found.',
    )
    seen = with_pod(seen, pod)
    assert decide(seen, NOW + seconds(10)).next_check == NOW + seconds(300)
    after, _ = settled(seen, NOW + seconds(301))
    assert after.job.status.failure is not None and after.job.status.failure.code == "SourceNotFound"
    assert "'photos'" in after.job.status.failure.message


def test_an_image_that_can_not_be_pulled_is_waited_for_and_then_fails_the_attempt() -> None:
    seen = pending(image="worker:9", waiting_reason="ImagePullBackOff", waiting_message="no such image")
    soon = decide(seen, NOW + seconds(10))
    assert soon.next_check == NOW + seconds(300)
    assert soon.status is not None and "worker:9" in message(soon.status, "Admitted")
    late, plan = settled(seen, NOW + seconds(301))
    assert current(late).trouble.startswith("ImagePullFailed")
    assert [action.name for action in actions(plan, DeleteJob)] == [seen.child_jobs[-1].name]


def test_an_image_name_that_can_never_be_pulled_is_not_waited_for() -> None:
    after, _ = settled(pending(waiting_reason="InvalidImageName"))
    assert current(after).trouble.startswith("ImagePullFailed")


NO_SECRET = 'MountVolume.SetUp failed for volume "source-secret" : secret "captures-read" not found'


def test_a_missing_source_secret_is_named_as_the_field_while_it_is_waited_for_and_then() -> None:
    seen = started(PREPARE, spec_of(source={"uri": "s3://a/b", "secretName": "captures-read"}))
    seen = with_pod(seen, pod_of(current(seen), "Pending", container=Container(waiting_reason="ContainerCreating")))
    pod = seen.pods[-1]
    assert decide(seen, NOW + seconds(11)).inquiries == (Inquiry("Pod", pod.uid),)
    seen = replace(seen, explanations={pod.uid: NO_SECRET})
    waiting, plan = settled(seen, NOW + seconds(20))
    assert condition(waiting.job.status, "Admitted") == ("True", "SourceAccessDenied")
    assert 'spec.source.secretName: secret "captures-read" not found' in message(waiting.job.status, "Admitted")
    assert plan.inquiries == (Inquiry("Pod", pod.uid),) and plan.next_check == NOW + seconds(80)
    after, _ = settled(seen, NOW + seconds(301))
    assert after.job.status.failure is not None
    assert after.job.status.failure.code == "SourceAccessDenied"
    assert "spec.source.secretName" in after.job.status.failure.message


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("Unable to attach or mount volumes: unmounted volumes=[source-secret]: timed out", "SourceAccessDenied"),
        ("Unable to attach or mount volumes: unmounted volumes=[workspace source-secret]: timed out", "PodNotStarting"),
        ('MountVolume.SetUp failed for volume "workspace" : no space for a', "PodNotStarting"),
        ('secret "captures" not found', "PodNotStarting"),
    ],
)
def test_other_volumes_and_secrets_are_not_taken_for_that_of_the_source(said: str, code: str) -> None:
    """Nor is a name that is part of another one."""
    seen = started(PREPARE, spec_of(source={"uri": "s3://a/b", "secretName": "a"}))
    seen = with_pod(seen, pod_of(current(seen), "Pending", container=Container(waiting_reason="ContainerCreating")))
    after, _ = settled(replace(seen, explanations={seen.pods[-1].uid: said}), NOW + seconds(20))
    assert condition(after.job.status, "Admitted") == ("True", code)


@pytest.mark.parametrize(
    "said", ['secret "models" not found', "couldn't find key token in Secret museum/models"], ids=["secret", "entry"]
)
def test_a_secret_that_the_profile_takes_a_variable_from_is_named_with_the_variable(said: str) -> None:
    profile = cluster_profile(environmentFromSecrets={"HF_TOKEN": {"secretName": "models", "key": "token"}})
    seen = started(PREPARE, profile=profile)
    container = Container(waiting_reason="CreateContainerConfigError", waiting_message=said)
    seen = with_pod(seen, pod_of(current(seen), "Pending", container=container))
    after, _ = settled(seen, NOW + seconds(20))
    assert condition(after.job.status, "Admitted") == ("True", "PodNotStarting")
    text = message(after.job.status, "Admitted")
    assert "HF_TOKEN" in text and "'models'" in text and "'default'" in text


def test_a_pod_that_the_job_controller_can_not_create_is_asked_about_and_explained() -> None:
    seen = started(PREPARE)
    child = seen.child_jobs[-1]
    assert decide(seen, NOW).inquiries == () and decide(seen, NOW).next_check == NOW + seconds(10)
    asked = decide(seen, NOW + seconds(10))
    assert asked.inquiries == (Inquiry("Job", child.uid),)
    said = 'Error creating: pods "statue-prep-x-1" is forbidden: exceeded quota: team, requested: pods=1, used: pods=2'
    after, plan = settled(replace(seen, explanations={child.uid: said}), NOW + seconds(20))
    assert condition(after.job.status, "Admitted") == ("False", "QuotaExceeded")
    assert "exceeded quota: team" in message(after.job.status, "Admitted")
    assert plan.next_check == NOW + seconds(80) and after.job.status.failure is None


def test_a_volume_that_is_not_made_is_asked_about_and_explained() -> None:
    seen = started(PREPARE, claim=workspace(phase="Pending", created=NOW))
    pod = replace(
        pod_of(current(seen), "Pending"),
        scheduled=None,
        unscheduled_reason="Unschedulable",
        unscheduled_message="0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
    )
    seen = with_pod(seen, pod)
    assert decide(seen, NOW + seconds(11)).inquiries == (Inquiry("PersistentVolumeClaim", "uid-of-claim"),)
    explained = replace(seen, explanations={"uid-of-claim": 'storageclass.storage.k8s.io "fast" not found'})
    after, _ = settled(explained, NOW + seconds(20))
    assert condition(after.job.status, "Admitted") == ("False", "VolumeUnavailable")
    assert '"fast" not found' in message(after.job.status, "Admitted")


def test_a_pod_whose_volumes_can_not_be_mounted_says_so() -> None:
    seen = pending(waiting_reason="ContainerCreating")
    pod = seen.pods[-1]
    asked = decide(seen, NOW + seconds(10))
    assert asked.inquiries == (Inquiry("Pod", pod.uid),)
    after, _ = settled(replace(seen, explanations={pod.uid: "MountVolume.SetUp failed"}), NOW + seconds(20))
    assert condition(after.job.status, "Admitted") == ("True", "PodNotStarting")
    assert "MountVolume.SetUp failed" in message(after.job.status, "Admitted")


def test_a_running_pod_admits_the_job() -> None:
    seen = started(PREPARE)
    after, _ = settled(with_pod(seen, pod_of(current(seen))))
    assert condition(after.job.status, "Admitted") == ("True", "Running")


def test_a_worker_that_ends_well_without_a_report_is_a_defect() -> None:
    seen = started(PREPARE)
    after, _ = settled(with_pod(seen, ended(current(seen), 0), succeeded=True, ended=NOW))
    assert current(after).trouble.startswith("InternalError")


def test_the_report_counts_even_when_the_pod_still_counts_as_running() -> None:
    """The container's end and the pod's phase may be seen apart."""
    seen = started(PREPARE)
    pod = replace(ended(current(seen), 0, report_of(PREPARE)), phase="Running")
    after, plan = settled(with_pod(seen, pod, succeeded=True, ended=NOW))
    assert after.job.status.runs[0].completed
    assert actions(plan, CreateJob) == []  # its workspace is not free yet


@pytest.mark.parametrize("deleting", [True, False])
def test_a_child_job_that_someone_deletes_is_an_interruption(deleting: bool) -> None:
    seen = started(PREPARE)
    child = replace(seen.child_jobs[-1], deleting=True)
    seen = replace(seen, child_jobs=(child,) if deleting else ())
    after, plan = settled(seen)
    assert current(after).failures == 0
    assert len(actions(plan, CreateJob)) == (0 if deleting else 1)


def queued_child(queue: str = "gpus"):
    profile = cluster_profile(queueNames=[queue])
    seen = started(PREPARE, profile=profile)
    return replace(seen, child_jobs=(replace(seen.child_jobs[-1], suspended=True, queue="gpus"),))


def test_a_child_job_that_kueue_holds_back_waits_and_says_what_kueue_says() -> None:
    seen = queued_child()
    uid = seen.child_jobs[-1].uid
    after, plan = settled(seen, NOW + seconds(10))
    assert condition(after.job.status, "Admitted") == ("False", "Queued")
    assert "'gpus'" in message(after.job.status, "Admitted")
    assert plan.inquiries == (Inquiry("Workload", uid),)
    said = "couldn't assign flavors to pod set main: insufficient unused quota for cpu in flavor default, 1 more needed"
    after, _ = settled(replace(seen, explanations={uid: said}), NOW + seconds(20))
    assert f"Kueue says: {said}." in message(after.job.status, "Admitted")
    assert after.job.status.failure is None


def test_a_child_job_in_a_queue_that_is_no_longer_wanted_is_made_anew() -> None:
    seen = queued_child()
    elsewhere = replace(
        seen,
        profile=cluster_profile(queueNames=["gpus", "spare"], generation=2),
        job=replace(seen.job, spec=spec_of(queueName="spare"), generation=2),
    )
    plan = decide(elsewhere, NOW)
    assert [action.name for action in actions(plan, DeleteJob)] == [seen.child_jobs[-1].name]
