"""What the operator remembers, and which observations are worth a look."""

from __future__ import annotations

from typing import Any

from reconstruction_api.names import LABEL_JOB, LABEL_JOB_UID
from reconstruction_operator.observe import job_view
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
    assert store.see_child_job(child(1)) == KEY
    assert store.see_child_job(child(2, ready=0, startTime="2026-03-01T12:00:00Z")) is None
    ended = [{"type": "Complete", "status": "True", "lastTransitionTime": "2026-03-01T12:01:00Z"}]
    assert store.see_child_job(child(3, conditions=ended)) == KEY


def test_an_older_version_that_arrives_later_is_ignored() -> None:
    store = Store()
    assert store.see_job(job(5, stage="train")) == KEY
    assert store.see_job(job(4, stage="poses")) is None
    assert job_view(store.jobs[KEY]).status.stage == "train"


def test_a_status_that_was_written_is_known_from_its_metadata_alone_and_its_echo_is_no_news() -> None:
    store = Store()
    store.see_job(job(1))
    store.see_written_status({"metadata": job(2)["metadata"]}, {"stage": "train"})
    view = job_view(store.jobs[KEY])
    assert (view.status.stage, view.resource_version) == ("train", "2")
    assert store.see_job(job(2, stage="train")) is None


def test_the_status_of_an_ended_job_is_kept_compressed_and_reads_the_same() -> None:
    store, stages = Store(), [{"name": "ingest", "state": "Succeeded", "message": "40 photos " * 20}]
    store.see_job(job(1, stage="report", stages=stages))
    going_on = len(store.jobs[KEY].status)
    store.see_job(job(2, stage="report", stages=stages, completionTime="2026-03-01T12:00:00Z"))
    assert len(store.jobs[KEY].status) < going_on / 2
    assert job_view(store.jobs[KEY]).status.stages[0].message.startswith("40 photos")


def test_the_answer_to_a_write_never_hides_a_newer_change() -> None:
    store = Store()
    store.see_job(job(1))
    store.see_job(job(3) | {"spec": SPEC | {"suspend": True}})
    store.see_written_status({"metadata": job(2)["metadata"]}, {"stage": "train"})
    view = job_view(store.jobs[KEY])
    assert view.spec is not None
    assert view.spec.suspend
    assert view.resource_version == "3"
