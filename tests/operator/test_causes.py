"""How urgent what was seen of a job is."""

from __future__ import annotations

from typing import Any

import pytest

from reconstruction_operator.causes import Cause, cause_of_child, cause_of_job
from reconstruction_operator.model import Container
from reconstruction_operator.store import Store

from .builders import KEY, NOW, PREPARE, child_of, pod_of, run_of, workspace


def job(version: int, generation: int = 1, status: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    own = {"namespace": KEY.namespace, "name": KEY.name, "uid": "1", "generation": generation}
    return {"metadata": own | {"resourceVersion": str(version)} | metadata, "status": status or {}}


@pytest.mark.parametrize(
    ("document", "cause"),
    [
        (job(1), Cause.STARTING),
        (job(1, 1, {"observedGeneration": 1}), Cause.STARTING),
        (job(1, 1, {"observedGeneration": 1, "completionTime": "2026-03-01T12:00:00Z"}), Cause.ROUTINE),
        (job(1, 2, {"observedGeneration": 1, "completionTime": "2026-03-01T12:00:00Z"}), Cause.CHANGED),
    ],
)
def test_first_sight_of_a_job(document: dict[str, Any], cause: Cause) -> None:
    """After a restart the ended ones are many and can wait."""
    assert cause_of_job(None, document) is cause


@pytest.mark.parametrize(
    ("document", "cause"),
    [
        (job(2, status={"observedGeneration": 1}), Cause.OBSERVED),
        (job(2, generation=2), Cause.CHANGED),
        (job(2, deletionTimestamp="2026-03-01T12:00:00Z"), Cause.CHANGED),
        (job(2, uid="2"), Cause.STARTING),
    ],
)
def test_a_job_that_is_known(document: dict[str, Any], cause: Cause) -> None:
    store = Store()
    store.observe_job(job(1))
    assert cause_of_job(store.jobs[KEY], document) is cause


def test_what_works_for_a_job_is_urgent_once_it_has_ended() -> None:
    run = run_of(PREPARE)
    assert cause_of_child(pod_of(run)) is Cause.OBSERVED
    assert cause_of_child(pod_of(run, "Failed")) is Cause.CHANGED
    assert cause_of_child(pod_of(run, container=Container(started=NOW, ended=NOW))) is Cause.CHANGED
    assert cause_of_child(child_of(run)) is Cause.OBSERVED
    assert cause_of_child(child_of(run, failed=True)) is Cause.CHANGED
    assert cause_of_child(workspace()) is Cause.OBSERVED
