"""Asking the cluster why something makes no progress."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from reconstruction_operator.actions import Inquiry
from reconstruction_operator.inquiry import Inquiries, location_of
from reconstruction_operator.kube import ApiError, Kube
from reconstruction_operator.model import JobKey
from reconstruction_operator.store import Store

from .api_server.virtual_time import event_loop_policy  # noqa: F401 - their time is the loop's
from .builders import KEY, UID


class Cluster:
    """Events of one namespace."""

    def __init__(self, *events: dict[str, Any], missing: tuple[str, ...] = ()) -> None:
        self.events = list(events)
        self.missing = missing
        self.listings: list[tuple[str, str]] = []

    async def list(self, path: str, selector: str = "", fields: str = "") -> AsyncIterator[dict[str, Any]]:
        self.listings.append((path, fields))
        if any(each in path for each in self.missing):
            raise ApiError(404, "NotFound", "the server could not find the requested resource")
        for event in self.events:
            yield event


def event(uid: str, message: str, second: int = 0, reason: str = "FailedCreate") -> dict[str, Any]:
    time = f"2026-03-01T12:00:{second:02}Z"
    return {"involvedObject": {"uid": uid}, "reason": reason, "message": message, "lastTimestamp": time, "metadata": {}}


def store() -> Store:
    known = Store()
    known.observe_job({"metadata": {"namespace": KEY.namespace, "name": KEY.name, "uid": UID, "resourceVersion": "1"}})
    return known


async def answered(cluster: Cluster, known: Store, *inquiries: Inquiry, pause: float = 0.01) -> list[JobKey]:
    """The jobs that are looked at again within a moment after these questions."""
    woken: list[JobKey] = []
    asking = Inquiries(cast(Kube, cluster), known, lambda key, _: woken.append(key), pause)
    task = asyncio.create_task(asking.run())
    for inquiry in inquiries:
        asking.ask(KEY, [inquiry])
        await asyncio.sleep(0.03)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return woken


async def test_the_reason_is_preferred_to_the_kubelets_later_summary() -> None:
    summary = "Unable to attach or mount volumes: unmounted volumes=[source-secret]: timed out"
    events = [event("p", 'secret "late" not found', 1, "FailedMount"), event("p", summary, 9, "FailedMount")]
    known = store()
    await answered(Cluster(*events), known, Inquiry("Pod", "p"))
    assert known.explanations(KEY) == {"p": 'secret "late" not found'}


async def test_the_latest_telling_event_about_the_object_is_the_answer() -> None:
    events = [
        event("j", "newer", 5), event("j", "older", 3), event("j", "no news", 9, "SuccessfulCreate"),
        event("other", "else", 9),
    ]  # fmt: skip
    known = store()
    assert await answered(Cluster(*events), known, Inquiry("Job", "j")) == [KEY]
    assert known.explanations(KEY) == {"j": "newer"}


async def test_the_same_answer_again_wakes_nobody() -> None:
    known = store()
    assert await answered(Cluster(event("j", "no")), known, Inquiry("Job", "j"), Inquiry("Job", "j")) == [KEY]


async def test_what_is_asked_within_a_namespace_is_answered_by_one_listing_a_kind() -> None:
    cluster = Cluster(event("a", "no"), event("b", "no"))
    known, woken = store(), list[JobKey]()
    asking = Inquiries(cast(Kube, cluster), known, lambda key, _: woken.append(key), pause=0.01)
    asking.ask(KEY, [Inquiry("Job", "a"), Inquiry("Job", "b"), Inquiry("Job", "c")])
    task = asyncio.create_task(asking.run())
    while len(known.explanations(KEY)) < 2:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    task.cancel()
    assert cluster.listings == [("/api/v1/namespaces/museum/events", "involvedObject.kind=Job")]


def workload(uid: str, *conditions: tuple[str, str, str]) -> dict[str, Any]:
    return {
        "metadata": {"ownerReferences": [{"uid": uid}]},
        "status": {"conditions": [{"type": kind, "status": status, "message": m} for kind, status, m in conditions]},
    }


@pytest.mark.parametrize("missing", [(), ("v1beta2",)])
async def test_kueue_is_asked_through_its_workloads(missing: tuple[str, ...]) -> None:
    items = [
        workload("admitted", ("QuotaReserved", "True", "yes"), ("Evicted", "False", "")),
        workload("held", ("QuotaReserved", "False", "no quota")),
    ]
    known = store()
    inquiries = [Inquiry("Workload", uid) for uid in ("held", "admitted", "unknown")]
    await answered(Cluster(*items, missing=missing), known, *inquiries)
    assert known.explanations(KEY) == {"held": "no quota"}


async def test_a_cluster_without_kueue_is_named_as_the_reason() -> None:
    known = store()
    await answered(Cluster(missing=("kueue",)), known, Inquiry("Workload", "j"))
    assert known.explanations(KEY) == {"j": "there is no Kueue in this cluster"}


@pytest.mark.parametrize(
    ("key", "values", "location"),
    [
        ("topology.kubernetes.io/zone", ["a"], "zone a"),
        ("topology.gke.io/zone", ["a", "b"], "zone a or b"),
        ("topology.ebs.csi.aws.com/zone", ["a"], "zone a"),
        ("kubernetes.io/hostname", ["worker-1"], "node worker-1"),
        ("topology.topolvm.io/node", ["worker-1"], "node worker-1"),
        ("example.com/rack", ["7"], ""),
    ],
)
def test_a_volume_says_where_it_is(key: str, values: list[str], location: str) -> None:
    term = {"matchExpressions": [{"key": key, "operator": "In", "values": values}]}
    assert location_of({"spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": [term]}}}}) == location


def test_a_volume_that_every_node_reaches_has_no_place() -> None:
    assert location_of({"spec": {"nfs": {"server": "files"}}}) == ""
