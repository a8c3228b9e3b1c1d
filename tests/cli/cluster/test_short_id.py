"""A job's short id in place of its name."""

from __future__ import annotations

import pytest
from tests.cli.cluster.conftest import JOB, Museum, condition
from tests.cli.conftest import Recon

from reconstruction_api.short_id import short_id

pytestmark = pytest.mark.cluster


def create(museum: Museum, name: str = "statue") -> str:
    """The id of a new job."""
    return short_id(museum.create(JOB.replace("statue", name, 1))["metadata"]["uid"])


def test_commands_take_it_and_say_the_name(recon: Recon, museum: Museum) -> None:
    create(museum, "bust")
    known = create(museum)
    assert recon("suspend", known).out.startswith(f"{museum.name}/statue suspended")
    assert recon("resume", f"recon/{known}").out.startswith(f"{museum.name}/statue resumed")
    described = recon("describe", known).out
    assert f"{museum.name}/statue" in described and f"short id   {known}" in described
    assert "has no logs yet" in recon("logs", known).err
    assert recon("artifacts", known).err.startswith("ArtifactsNotReady")
    museum.write_status(conditions=[condition("Succeeded", "True", "Completed")])
    assert "runs mesh again" in recon("retry", known, "--stage", "mesh").out
    assert museum.job()["spec"]["redo"]["mesh"] == 1
    assert museum.job("bust")["metadata"]["generation"] == 1


def test_one_that_no_job_has_is_not_found(recon: Recon, museum: Museum) -> None:
    create(museum)
    answer = recon("describe", "c7hm4kqx")
    assert answer.err.startswith("ObjectNotFound")
    assert "There is no job 'c7hm4kqx'" in answer.err


def test_one_that_is_also_a_name_is_refused_and_both_jobs_are_named(recon: Recon, museum: Museum) -> None:
    known = create(museum)
    create(museum, known)
    answer = recon("suspend", known)
    assert answer.status == 2
    assert answer.err.startswith("AmbiguousName")
    assert f"'{known}' matches job '{known}' by its name, or job 'statue' by its short id." in answer.err
    assert not museum.job()["spec"]["suspend"] and not museum.job(known)["spec"]["suspend"]


def test_submitting_never_takes_a_name_for_an_id(recon: Recon, museum: Museum) -> None:
    known = create(museum)
    (museum.kubeconfig.parent / "job.yaml").write_text(JOB.replace("statue", known, 1))
    answer = recon("submit", str(museum.kubeconfig.parent / "job.yaml"))
    assert answer.out.startswith(f"{museum.name}/{known} created")


def test_a_job_held_by_a_deadline_of_its_profile_is_not_told_to_clear_a_field(recon: Recon, museum: Museum) -> None:
    museum.create()
    museum.write_status(conditions=[condition("Suspended", "True", "SoftDeadlineExceeded")])
    answer = recon("resume", "statue")
    assert answer.err.startswith("DeadlineExceeded")
    assert "Set spec.softDeadlineSeconds to a larger number" in answer.err
