"""`recon cancel`; together with the operator in test_with_operator.py."""

from __future__ import annotations

import pytest
from tests.cli.cluster.conftest import Museum, condition
from tests.cli.conftest import Recon

pytestmark = pytest.mark.cluster


def test_a_confirmation_without_a_request_is_refused(recon: Recon, museum: Museum) -> None:
    museum.create()
    answer = recon("cancel", "statue", "--confirm")
    assert answer.status == 2
    assert answer.err.startswith("CancelNotRequested")
    assert f"recon cancel statue -n {museum.name}" in answer.err
    assert museum.job()["metadata"]["generation"] == 1


def test_a_confirmation_after_the_hour_says_that_the_request_has_lapsed(recon: Recon, museum: Museum) -> None:
    museum.create()
    museum.write_status(cancellation={"state": "Lapsed", "confirmBefore": "2026-01-31T12:00:00Z"})
    answer = recon("cancel", "statue", "--confirm")
    assert answer.err.startswith("CancelNotRequested")
    assert "has lapsed; it was not confirmed before 2026-01-31T12:00:00Z" in " ".join(answer.err.split())


@pytest.mark.parametrize("step", ["", "--confirm", "--withdraw"])
def test_a_job_that_has_ended_can_not_be_cancelled(recon: Recon, museum: Museum, step: str) -> None:
    museum.create()
    ended = [condition("Succeeded", "True", "Completed")]
    museum.write_status(completionTime="2026-01-31T12:00:00Z", conditions=ended)
    answer = recon("cancel", "statue", *([step] if step else []))
    assert answer.status == 2
    assert answer.err.startswith("AlreadyTerminal")
    assert "has succeeded; there is nothing to cancel" in answer.err


def test_a_request_is_withdrawn(recon: Recon, museum: Museum) -> None:
    museum.create()
    museum.send("PATCH", "statue", {"spec": {"cancellation": "Requested"}}, "application/merge-patch+json")
    assert "withdrawn" in recon("cancel", "statue", "--withdraw").out
    assert "cancellation" not in museum.job()["spec"]
    assert "no request" in recon("cancel", "statue", "--withdraw").out


def test_a_cancelled_job_is_not_retried(recon: Recon, museum: Museum) -> None:
    museum.create()
    museum.write_status(cancellation={"state": "Confirmed"}, conditions=[condition("Succeeded", "False", "Cancelled")])
    assert recon("retry", "statue").err.startswith("AlreadyTerminal")
    assert recon("cancel", "statue").err.startswith("AlreadyTerminal")
