"""`recon suspend`, `resume`, `retry`."""

from __future__ import annotations

import pytest
from tests.cli.cluster.conftest import Museum, condition
from tests.cli.conftest import Recon

pytestmark = pytest.mark.cluster


def test_suspending_and_resuming(recon: Recon, museum: Museum) -> None:
    museum.create()
    assert recon("suspend", "statue").out.startswith(f"{museum.name}/statue suspended")
    assert museum.job()["spec"]["suspend"] is True
    assert "already" in recon("suspend", "recon/statue").out
    assert recon("resume", "statue").out.startswith(f"{museum.name}/statue resumed")
    assert museum.job()["spec"]["suspend"] is False
    assert "is not suspended" in recon("resume", "statue").out


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [("pauseAfter", "Poses", "Paused"), ("softDeadlineSeconds", 60, "SoftDeadlineExceeded")],
)
def test_resuming_clears_what_holds_the_job(
    recon: Recon, museum: Museum, field: str, value: object, reason: str
) -> None:
    museum.create()
    museum.send("PATCH", "statue", {"spec": {field: value}}, "application/merge-patch+json")
    assert "is not suspended" in recon("resume", "statue").out  # it has not come to that
    museum.write_status(conditions=[condition("Suspended", "True", reason)])
    assert f"spec.{field} is cleared" in recon("resume", "statue").out
    assert field not in museum.job()["spec"]


def test_a_stage_is_run_again_as_often_as_it_is_asked_for(recon: Recon, museum: Museum) -> None:
    museum.create()
    museum.write_status(conditions=[condition("Succeeded", "True", "Completed")])
    for count in (1, 2):
        assert "runs mesh again" in recon("retry", "statue", "--stage", "mesh").out
        assert museum.job()["spec"]["redo"]["mesh"] == count


def test_a_stage_that_there_is_not_is_a_usage_error_that_names_those_there_are(recon: Recon, museum: Museum) -> None:
    answer = recon("retry", "statue", "--stage", "polish")
    assert answer.status == 2
    assert "'polish' is not one of 'ingest', 'poses', 'train'" in answer.err


def test_an_ended_job_can_not_be_suspended(recon: Recon, museum: Museum) -> None:
    museum.create()
    museum.write_status(conditions=[condition("Succeeded", "True", "Completed")])
    answer = recon("suspend", "statue")
    assert answer.status == 2
    assert answer.err.startswith("AlreadyTerminal")


def test_retrying_a_failed_job_changes_its_generation_and_nothing_else(recon: Recon, museum: Museum) -> None:
    before = museum.create()
    museum.write_status(conditions=[condition("Succeeded", "False", "LowRegistration")])
    assert recon("retry", "statue").out.startswith(f"{museum.name}/statue tries again")
    after = museum.job()
    assert after["spec"] == before["spec"]
    assert after["metadata"]["generation"] > before["metadata"]["generation"]


def test_only_a_failed_job_is_retried(recon: Recon, museum: Museum) -> None:
    museum.create()
    assert "has not failed" in recon("retry", "statue").out
    museum.write_status(conditions=[condition("Succeeded", "True", "Completed")])
    assert recon("retry", "statue").err.startswith("AlreadyTerminal")
    assert museum.job()["metadata"]["generation"] == 1


@pytest.mark.parametrize("command", ["suspend", "resume", "retry", "watch", "describe", "artifacts"])
def test_a_job_that_is_not_there_is_named_with_its_namespace(recon: Recon, museum: Museum, command: str) -> None:
    answer = recon(command, "ghost")
    assert answer.status == 2
    assert answer.err.startswith(f"ObjectNotFound\n  There is no job 'ghost' in namespace '{museum.name}'.")
