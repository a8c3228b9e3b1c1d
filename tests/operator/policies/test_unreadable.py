"""A status that this release does not understand: hands off."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconstruction_operator.act import status_document
from reconstruction_operator.actions import Emit
from reconstruction_operator.decide import decide
from reconstruction_operator.model import JobKey, Observed, Policy, StatusRefusal
from reconstruction_operator.observe import observe
from reconstruction_operator.policies.reporting.unreadable import CODE
from reconstruction_operator.store import Store

from ..builders import (
    NOW,
    RECONSTRUCT,
    actions,
    condition,
    current,
    message,
    pod_of,
    seconds,
    spec_of,
    started,
    with_pod,
)

DOCUMENT = {
    "metadata": {
        "namespace": "museum",
        "name": "statue",
        "uid": "U",
        "generation": 3,
        "resourceVersion": "5",
        "creationTimestamp": "2026-11-29T00:00:00Z",
    },
    "spec": spec_of().model_dump(mode="json", by_alias=True, exclude_none=True),
}
TIME = "2026-11-29T00:00:00Z"
NEWER: dict[str, Any] = {
    "runs": [
        {"resourceClass": "prepare", "digest": "x", "attempt": 1, "jobName": "j", "completed": True},
        {"resourceClass": "publish", "digest": "y", "attempt": 4, "jobName": "k"},
    ],
    "conditions": [
        {"type": "Accepted", "status": "True", "reason": "Accepted", "lastTransitionTime": TIME},
        {"type": "Published", "status": "Maybe", "reason": "x y", "lastTransitionTime": TIME},
        {"type": "Stalled", "status": "False", "reason": "NotStalled", "lastTransitionTime": TIME},
    ],
    "admissionTime": TIME,
    "outlook": {"stages": ["publish"]},
}


def seen_with(status: dict[str, Any]) -> Observed:
    store = Store()
    key = store.observe_job(DOCUMENT | {"status": status})
    assert key is not None
    seen = observe(store, key, None, Policy())
    assert seen is not None
    return seen


def test_pods_are_left_alone_and_the_job_says_why() -> None:
    seen = seen_with(NEWER)
    running = started(RECONSTRUCT)
    busy = with_pod(running, pod_of(current(running)))
    plan = decide(replace(seen, child_jobs=busy.child_jobs, pods=busy.pods), NOW)
    assert plan.status is not None and plan.slot == "held"
    assert [type(action) for action in plan.actions] == [Emit]
    (told,) = actions(plan, Emit)
    assert told.warning and told.reason == CODE and "status.runs.1.resourceClass" in told.message
    assert condition(plan.status, "Stalled") == ("True", CODE)
    assert condition(plan.status, "Reconciling") == ("False", CODE)
    assert "Install the release that wrote it" in message(plan.status, "Stalled")


def test_nothing_else_of_the_status_is_touched() -> None:
    seen = seen_with(NEWER)
    plan = decide(seen, NOW)
    assert plan.status is not None
    written = status_document(seen.job, plan.status)["status"]
    assert {name: value for name, value in written.items() if name != "conditions"} == {
        name: value for name, value in NEWER.items() if name != "conditions"
    }
    assert [each["type"] for each in written["conditions"]] == ["Accepted", "Published", "Reconciling", "Stalled"]
    assert written["conditions"][1] == NEWER["conditions"][1]


def test_it_is_said_once() -> None:
    seen = seen_with(NEWER)
    plan = decide(seen, NOW)
    assert plan.status is not None
    again = seen_with(status_document(seen.job, plan.status)["status"])
    later = decide(again, NOW + seconds(600))
    assert (later.status, later.actions, later.slot) == (None, (), "held")


def test_where_even_that_can_not_be_written_nothing_is_done() -> None:
    seen = replace(seen_with(NEWER), status_refusal=StatusRefusal(3, "no", 1))
    plan = decide(seen, NOW)
    assert (plan.status, plan.actions, plan.next_check) == (None, (), None)


@pytest.mark.parametrize(
    "status",
    [
        {"stages": [{"name": "ingest", "state": "Skipped"}]},
        {"progress": {"percent": 1, "trend": "Worsening"}},
        {"conditions": [{"type": "A", "status": "True", "reason": "x y", "lastTransitionTime": TIME}]},
    ],
)
def test_a_job_goes_on_where_only_words_for_people_are_unknown(status: dict[str, Any]) -> None:
    seen = seen_with(status)
    assert seen.job.unreadable is None
    assert decide(seen, NOW).status is not None


def test_a_job_that_builds_on_another_looks_at_it_all_the_same() -> None:
    store = Store()
    store.observe_job(DOCUMENT | {"status": NEWER})
    metadata = DOCUMENT["metadata"] | {"name": "child", "uid": "V"}
    store.observe_job({"metadata": metadata, "spec": {"source": {"jobRef": {"name": "statue", "reuse": "Poses"}}}})
    seen = observe(store, JobKey("museum", "child"), None, Policy())
    assert seen is not None and seen.upstream is not None and seen.upstream.done == frozenset()
