"""Jobs that have ended, and of which nothing is left to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from reconstruction_api.stages import ResourceClass
from reconstruction_operator.decide import decide
from reconstruction_operator.model import Observed
from reconstruction_operator.policies.control.rest import Remains, Rest, rest

from ..builders import (
    DELIVER,
    NOW,
    changed,
    child_of,
    current,
    ended,
    pod_of,
    report_of,
    seconds,
    settled,
    started,
    with_pod,
    workspace,
)


def ended_job(**spec: Any) -> Observed:
    seen = started(DELIVER)
    if spec:
        seen = changed(seen, **spec)
        seen, _ = settled(seen)
    seen = with_pod(seen, ended(current(seen), 0, report_of(DELIVER)), succeeded=True, ended=NOW)
    seen, _ = settled(seen)
    assert seen.job.status.completion_time is not None
    return settled(seen)[0]


def resting(seen: Observed, now: datetime = NOW, **status: Any) -> Rest | None:
    """As the job is seen, with these members of its status instead."""
    document = seen.job.status.model_dump(mode="json", by_alias=True, exclude_none=True) | status
    document = {name: value for name, value in document.items() if value is not None}
    remains = Remains(seen.job.uid, seen.job.generation, seen.child_jobs, seen.pods, seen.claim)
    return rest(document, remains, now)


def test_a_job_that_has_ended_well_is_at_rest_and_a_decision_finds_nothing_to_do() -> None:
    seen = ended_job()
    found = resting(seen)
    assert found is not None and found.until is None and found.succeeded["status"] == "True"
    plan = decide(seen, NOW)
    assert (plan.status, plan.actions, plan.pins, plan.next_check) == (None, (), None, None)


def test_a_job_that_goes_on_is_not() -> None:
    for each in ResourceClass:
        assert resting(started(each)) is None


def test_it_wakes_when_its_files_or_itself_are_to_go() -> None:
    seen = ended_job(retention={"workspaceSeconds": 60, "jobSeconds": 3600})
    found = resting(seen)
    assert found is not None and found.until == NOW + seconds(60) == decide(seen, NOW).next_check
    assert resting(seen, NOW + seconds(60)) is None


def test_a_changed_spec_needs_a_decision() -> None:
    assert resting(changed(ended_job(), mesh={"targetFaces": 5000})) is None


@pytest.mark.parametrize("what", ["restored", "not told of by an earlier release", "asked to be cancelled", "untold",
                                  "shown with a receiver's address", "with values of variables"])  # fmt: skip
def test_what_the_status_leaves_open_needs_a_decision(what: str) -> None:
    seen = ended_job()
    told = seen.job.status.model_dump(mode="json", by_alias=True)["conditions"]
    delivery = {"event": "Succeeded", "id": "1", "url": "https://example.org", "receiver": "r", "state": "Delivered"}
    open_ends: dict[str, dict[str, Any]] = {
        "restored": {"shortId": "another"},
        "not told of by an earlier release": {"conditions": [each for each in told if each["type"] != "Finished"]},
        "asked to be cancelled": {"cancellation": {"state": "Requested"}},
        "untold": {"notifications": [delivery | {"state": "Pending"}]},
        "shown with a receiver's address": {"notifications": [delivery | {"receiver": ""}]},
        "with values of variables": {"profile": {"spec": {"environment": {"TOKEN": "secret"}}}},
    }
    assert resting(seen, notifications=[delivery]) is not None
    assert resting(seen, **open_ends[what]) is None


@pytest.mark.parametrize("status", [{"conditions": "text"}, {"runs": [1]}, {"retention": 3}, {"notifications": 1}])
def test_a_status_that_can_not_be_read_needs_a_decision(status: dict[str, Any]) -> None:
    assert resting(ended_job(), **status) is None


@pytest.mark.parametrize(
    "claim",
    [workspace(deleting=True), workspace(phase="Lost"), workspace(parent_uid=""), workspace(parent_uid="another")],
)
def test_a_workspace_that_is_not_as_it_was_left_needs_a_decision(claim: Any) -> None:
    assert resting(replace(ended_job(), claim=claim)) is None


def test_a_workspace_that_is_to_be_gone_needs_a_decision_while_it_is_there() -> None:
    seen = ended_job()
    removed = {"workspaceRemovedTime": "2026-03-01T12:00:00Z"}
    assert resting(seen, retention=removed) is None
    assert resting(replace(seen, claim=None), retention=removed) is not None
    assert resting(seen, abandonedWorkspace="uid-of-claim") is None


def test_whatever_still_works_needs_a_decision() -> None:
    seen = ended_job()
    run = seen.job.status.runs[-1]
    assert resting(replace(seen, pods=(*seen.pods, pod_of(run)))) is None
    assert resting(replace(seen, child_jobs=(*seen.child_jobs, child_of(run)))) is None
    other_settings = child_of(run, succeeded=True, digest="0" * 16)
    assert resting(replace(seen, child_jobs=(*seen.child_jobs, other_settings))) is None
