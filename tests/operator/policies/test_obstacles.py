"""What Kubernetes says, and what people are told."""

from __future__ import annotations

import pytest

from reconstruction_operator.policies.control.obstacles import not_created, queued, unscheduled

NODES = "0/3 nodes are available:"


@pytest.mark.parametrize(
    ("message", "code", "told"),
    [
        (f"{NODES} 3 Insufficient nvidia.com/gpu.", "GPUUnavailable", "No node has a free GPU (nvidia.com/gpu)."),
        (
            f"{NODES} 1 Insufficient amd.com/gpu, 2 node(s) had untolerated taint {{a: b}}. preemption: none helps.",
            "GPUUnavailable",
            "2 node(s) had untolerated taint {a: b}. Set spec.training.device",
        ),
        (f"{NODES} 3 Insufficient memory.", "Unschedulable", "No node has enough memory left."),
        (f"{NODES} 1 Insufficient cpu, 2 Insufficient memory.", "Unschedulable", "enough cpu, memory left."),
        (f"{NODES} 3 node(s) didn't match Pod's node affinity/selector.", "Unschedulable", "labels that the profile"),
        ("no nodes available to schedule pods", "Unschedulable", "The cluster has no nodes. The job waits"),
        (f"{NODES} pod has unbound immediate PersistentVolumeClaims.", "VolumeUnavailable", "A volume of the pod"),
        (f"{NODES} 3 node(s) had volume node affinity conflict.", "WorkspaceElsewhere", "The workspace's volume"),
        (
            f"{NODES} 1 Insufficient nvidia.com/gpu, 1 node(s) didn't match PersistentVolume's node affinity.",
            "WorkspaceElsewhere",
            "nodes that could run the pod. The cluster says: 0/3 nodes",
        ),
    ],
)
def test_the_schedulers_words_become_a_code_and_a_next_step(message: str, code: str, told: str) -> None:
    obstacle = unscheduled(message)
    assert obstacle.code == code
    assert told in obstacle.message and "preemption" not in obstacle.message


ASSIGN = "couldn't assign flavors to pod set main:"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("", "Queued"),
        (f"{ASSIGN} insufficient unused quota for cpu in flavor default, 1 more needed", "Queued"),
        ("LocalQueue gpus doesn't exist", "QueueNotAdmitting"),
        ("ClusterQueue all is inactive", "QueueNotAdmitting"),
        ("LocalQueue gpus is stopped", "QueueNotAdmitting"),
        ("Workload namespace doesn't match ClusterQueue selector", "QueueNotAdmitting"),
        (f"{ASSIGN} resource nvidia.com/gpu unavailable in ClusterQueue", "QueueNotAdmitting"),
        (
            f"{ASSIGN} insufficient quota for nvidia.com/gpu in flavor a100, previously considered podsets requests "
            "(0) + current podset request (8) > maximum capacity (4)",
            "QueueNotAdmitting",
        ),
        (
            f"{ASSIGN} insufficient quota for cpu in flavor small, previously considered podsets requests (0) + "
            "current podset request (8) > maximum capacity (4), insufficient unused quota for cpu in flavor large, 2 "
            "more needed",
            "Queued",
        ),
        (f"{ASSIGN} insufficient quota ... maximum capacity (4). Pending the preemption of 2 workload(s)", "Queued"),
        ("there is no Kueue in this cluster", "QueueNotAdmitting"),
    ],
)
def test_a_queue_that_will_not_admit_is_told_from_one_that_is_busy(message: str, code: str) -> None:
    obstacle = queued("gpus", message)
    assert obstacle.code == code and "'gpus'" in obstacle.message
    assert f"Kueue says: {message}" in obstacle.message or not message


def test_the_place_of_the_volume_is_named() -> None:
    said = unscheduled(f"{NODES} 1 node(s) had volume node affinity conflict.", "zone a").message
    assert said.startswith("The workspace's volume (zone a) can't be reached")


@pytest.mark.parametrize(
    ("message", "code", "told"),
    [
        (
            'Error creating: pods "a-x7k2p" is forbidden: exceeded quota: team, requested: pods=1, used: pods=4',
            "QuotaExceeded",
            "The cluster says: exceeded quota: team, requested: pods=1, used: pods=4. Wait for",
        ),
        (
            'persistentvolumeclaims "a" is forbidden: exceeded quota: team, requested: requests.storage=9Gi',
            "QuotaExceeded",
            "requests.storage=9Gi",
        ),
        (
            'Error creating: pods "a-b" is forbidden: error looking up service account n/gone: serviceaccount "gone" '
            "not found",
            "CreationRefused",
            'serviceaccount "gone" not found',
        ),
        ('Job.batch "a" is invalid: spec.template: too much', "CreationRefused", "too much"),
        (
            'Error creating: Post "https://10.0.0.1:6443/api/v1/namespaces/n/pods": dial tcp 10.0.0.1:6443: connect: '
            "connection refused",
            "ControlPlaneUnavailable",
            "connection refused",
        ),
        ("Error creating: etcdserver: request timed out", "ControlPlaneUnavailable", "etcdserver"),
        ("Timeout: request did not complete within requested timeout", "ControlPlaneUnavailable", "continues"),
        (
            'Internal error occurred: failed calling webhook "check.example.com": failed to call webhook: Post '
            '"https://check.n.svc:443/": dial tcp 10.0.0.9:443: connect: connection refused',
            "CreationRefused",
            "check.example.com",
        ),
    ],
)
def test_a_refusal_becomes_a_code_and_a_next_step(message: str, code: str, told: str) -> None:
    obstacle = not_created(message)
    assert obstacle.code == code
    assert told in obstacle.message


def test_pods_of_a_job_that_are_refused_one_after_the_other_are_refused_in_the_same_words() -> None:
    """Otherwise every try of the Job controller would change the status."""
    tries = [f'Error creating: pods "a-{name}" is forbidden: exceeded quota: team' for name in ("x", "y")]
    assert not_created(tries[0]) == not_created(tries[1])
    resets = [f"read tcp 10.0.0.2:{port}->10.0.0.1:6443: read: connection reset by peer" for port in (40_110, 51_222)]
    assert not_created(resets[0]) == not_created(resets[1])


def test_a_very_long_message_is_cut() -> None:
    assert len(unscheduled("x" * 5000).message) < 1000
