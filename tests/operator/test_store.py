"""What the operator remembers, and which observations are worth a look."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from reconstruction_api.names import LABEL_JOB, LABEL_JOB_UID
from reconstruction_operator.observe import job_view
from reconstruction_operator.resync import resync
from reconstruction_operator.slots import everywhere
from reconstruction_operator.store import Store

from .builders import KEY, SPEC, UID

MARKS = {LABEL_JOB: KEY.name, LABEL_JOB_UID: UID}


def job(version: int, **status: Any) -> dict[str, Any]:
    metadata = {
        "namespace": KEY.namespace,
        "name": KEY.name,
        "uid": UID,
        "generation": 1,
        "resourceVersion": f"{version}",
    }
    return {"metadata": metadata, "spec": SPEC, "status": status}


def child(version: int, **status: Any) -> dict[str, Any]:
    metadata = {"namespace": KEY.namespace, "name": "statue-prep-abcde", "uid": "child", "labels": MARKS}
    return {"metadata": metadata | {"resourceVersion": f"{version}"}, "status": status}


def test_a_change_of_what_no_decision_looks_at_is_no_reason_to_look() -> None:
    store = Store()
    assert store.observe_child_job(child(1)) == KEY
    assert store.observe_child_job(child(2, ready=0, startTime="2026-03-01T12:00:00Z")) is None
    ended = [{"type": "Complete", "status": "True", "lastTransitionTime": "2026-03-01T12:01:00Z"}]
    assert store.observe_child_job(child(3, conditions=ended)) == KEY


def test_an_older_version_that_arrives_later_is_ignored() -> None:
    store = Store()
    assert store.observe_job(job(5, stage="train")) == KEY
    assert store.observe_job(job(4, stage="poses")) is None
    assert job_view(store.jobs[KEY]).status.stage == "train"


def test_a_status_that_was_written_is_known_from_its_metadata_alone_and_its_echo_is_no_news() -> None:
    store = Store()
    store.observe_job(job(1))
    store.observe_written_status({"metadata": job(2)["metadata"]}, {"stage": "train"})
    view = job_view(store.jobs[KEY])
    assert (view.status.stage, view.resource_version) == ("train", "2")
    assert store.observe_job(job(2, stage="train")) is None


def test_the_status_of_an_ended_job_is_kept_compressed_and_reads_the_same() -> None:
    store, stages = Store(), [{"name": "ingest", "state": "Succeeded", "message": "40 photos " * 20}]
    store.observe_job(job(1, stage="report", stages=stages))
    going_on = len(store.jobs[KEY].status)
    store.observe_job(job(2, stage="report", stages=stages, completionTime="2026-03-01T12:00:00Z"))
    assert len(store.jobs[KEY].status) < going_on / 2
    assert job_view(store.jobs[KEY]).status.stages[0].message.startswith("40 photos")


def test_the_answer_to_a_write_never_hides_a_newer_change() -> None:
    store = Store()
    store.observe_job(job(1))
    store.observe_job(job(3) | {"spec": SPEC | {"suspend": True}})
    store.observe_written_status({"metadata": job(2)["metadata"]}, {"stage": "train"})
    view = job_view(store.jobs[KEY])
    assert view.spec is not None
    assert view.spec.suspend
    assert view.resource_version == "3"


def pod(version: int) -> dict[str, Any]:
    return {"metadata": child(version)["metadata"] | {"name": "statue-prep-abcde-x", "uid": "pod"}}


def claim(version: int) -> dict[str, Any]:
    return {"metadata": child(version)["metadata"] | {"name": "statue-workspace", "uid": "claim"}}


@pytest.mark.parametrize(
    ("observe", "forget", "at"),
    [
        (Store.observe_job, Store.forget_job, job),
        (Store.observe_child_job, Store.forget_child_job, child),
        (Store.observe_pod, Store.forget_pod, pod),
        (Store.observe_claim, Store.forget_claim, claim),
    ],
)
def test_an_answer_that_is_later_than_the_end_of_its_object_does_not_bring_it_back(
    observe: Callable[..., Any], forget: Callable[..., Any], at: Callable[[int], dict[str, Any]]
) -> None:
    store = Store()
    observe(store, at(3))
    assert forget(store, at(5)) == KEY
    assert observe(store, at(4)) is None
    assert not store.jobs and not store.child_jobs(KEY, UID) and not store.pods(KEY, UID)
    assert store.claim(KEY) is None


def test_a_job_that_is_gone_does_not_take_its_slot_back() -> None:
    store = Store()
    store.observe_job(job(1, admissionTime="2026-03-01T12:00:00Z"))
    store.forget_job(job(3))
    store.observe_job(job(2, admissionTime="2026-03-01T12:00:00Z"))
    store.observe_written_status({"metadata": job(2)["metadata"]}, {"admissionTime": "2026-03-01T12:00:00Z"})
    assert store.slots.running.get(everywhere(), 0) == 0


def of_another_uid(version: int, **status: Any) -> dict[str, Any]:
    document = job(version, **status)
    return document | {"metadata": document["metadata"] | {"uid": "another"}}


def test_the_answer_about_a_job_says_nothing_of_the_next_one_of_its_name() -> None:
    store = Store()
    store.observe_job(job(1))
    store.observe_job(of_another_uid(5, stage="ingest"))
    store.observe_written_status({"metadata": job(3)["metadata"]}, {"stage": "train"})
    view = job_view(store.jobs[KEY])
    assert (view.status.stage, view.resource_version) == ("ingest", "5")


async def test_a_job_made_anew_while_jobs_are_listed_is_not_replaced_by_the_old_one() -> None:
    store = Store()
    store.observe_job(job(1))

    class Server:
        async def pages(self, _: str) -> AsyncIterator[dict[str, Any]]:
            store.forget_job(job(3))
            store.observe_job(of_another_uid(4))
            yield {"items": [job(1)], "metadata": {"resourceVersion": "2"}}

    assert await resync(Server(), store, "", lambda *_: None) == 0  # type: ignore[arg-type]
    assert store.jobs[KEY].uid == "another"


def claim_named(
    version: int, name: str = "statue-workspace", uid: str = "claim", labelled: bool = True
) -> dict[str, Any]:
    metadata = {"namespace": KEY.namespace, "name": name, "uid": uid, "resourceVersion": f"{version}"}
    owner = {"uid": UID, "controller": True}
    return {"metadata": metadata | {"labels": MARKS if labelled else {}, "ownerReferences": [owner]}}


def test_a_copy_of_the_workspaces_claim_is_not_the_workspace() -> None:
    store = Store()
    store.observe_claim(claim_named(1))
    assert store.observe_claim(claim_named(2, name="statue-copy", uid="copy")) is None
    store.forget_claim(claim_named(3, name="statue-copy", uid="copy"))
    known = store.claim(KEY)
    assert known is not None and known.uid == "claim"


def test_the_answer_to_a_question_counts_whatever_a_watch_had_said() -> None:
    store = Store()
    store.observe_claim(claim_named(5))
    store.forget_claim(claim_named(6))  # it has lost its label: for the watch it is gone
    assert store.observe_claim(claim_named(6)) is None and store.claim(KEY) is None
    assert store.observe_claim(claim_named(6, labelled=False), asked_by=KEY) == KEY
    assert store.claim(KEY) is not None


def test_late_news_of_an_earlier_claim_does_not_replace_the_present_one() -> None:
    store = Store()
    store.observe_claim(claim_named(9, uid="new"))
    assert store.observe_claim(claim_named(7, uid="old")) is None
    known = store.claim(KEY)
    assert known is not None and known.uid == "new"


def test_a_pod_is_known_by_namespace_name_and_uid_for_as_long_as_it_is_there() -> None:
    store = Store()
    first = pod(1)
    name, uid = first["metadata"]["name"], first["metadata"]["uid"]
    store.observe_pod(first)
    assert store.has_pod(KEY.namespace, name, uid)
    assert not store.has_pod("elsewhere", name, uid)
    assert not store.has_pod(KEY.namespace, "another", uid) and not store.has_pod(KEY.namespace, name, "another")
    replaced = pod(2) | {"metadata": pod(2)["metadata"] | {"uid": "next"}}
    store.observe_pod(replaced)
    assert store.has_pod(KEY.namespace, name, "next") and not store.has_pod(KEY.namespace, name, uid)
    store.forget_pod(replaced)
    assert not store.has_pod(KEY.namespace, name, "next") and not store._pod_keys
