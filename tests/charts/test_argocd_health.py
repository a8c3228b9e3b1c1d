"""The health check for Argo CD, run by a Lua like Argo CD's (5.1) on statuses that the operator really writes."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lupa import lua51
from tests.operator.builders import (
    DELIVER,
    NOW,
    PREPARE,
    RECONSTRUCT,
    current,
    ended,
    failure,
    observed,
    pod_of,
    report_of,
    seconds,
    settled,
    spec_of,
    started,
    update,
    with_pod,
)

from reconstruction_api.worker import PodReport
from reconstruction_operator.model import Observed, Policy

ROOT = Path(__file__).parents[2]
SCRIPT = (ROOT / "charts/reconstruction-operator/files/argocd-health.lua").read_text()


def health(document: dict[str, Any]) -> tuple[str, str]:
    """Status and message."""
    lua: Any = lua51.LuaRuntime(unpack_returned_tuples=True)
    lua.globals().obj = lua.table_from(document, recursive=True)
    answer = lua.execute(SCRIPT)
    return answer.status, answer.message


def written(seen: Observed) -> dict[str, Any]:
    return seen.job.status.model_dump(mode="json", by_alias=True, exclude_none=True)


def of(seen: Observed) -> tuple[str, str]:
    """Health of a job whose status the operator has just written."""
    return health({"metadata": {"generation": seen.job.generation}, "status": written(seen)})


def running(**fields: Any) -> Observed:
    seen = started(RECONSTRUCT, **fields)
    return settled(with_pod(seen, pod_of(current(seen))))[0]


def test_a_new_job_is_progressing() -> None:
    assert health({"metadata": {"generation": 1}})[0] == "Progressing"
    assert of(settled(observed())[0])[0] == "Progressing"


def test_a_running_job_tells_its_stage_and_percentage() -> None:
    seen = running()
    live = settled(replace(seen, live=update(current(seen), "train", 50)))[0]
    assert of(live) == ("Progressing", "train, 45 %")


def test_a_changed_job_is_progressing_until_the_operator_has_seen_it() -> None:
    seen = running()
    document = {"metadata": {"generation": seen.job.generation + 1}, "status": written(seen)}
    assert health(document) == ("Progressing", "Waiting for the operator to see the latest change.")


def test_a_finished_job_is_healthy() -> None:
    seen = started(DELIVER)
    done, _ = settled(with_pod(seen, ended(current(seen), 0, report_of(DELIVER)), succeeded=True, ended=NOW))
    assert of(done) == ("Healthy", "Completed: All artifacts are ready.")


def test_a_failed_job_is_degraded_with_its_code() -> None:
    seen = started(PREPARE)
    report = PodReport(failure=failure("LowRegistration", retryable=False))
    failed, _ = settled(with_pod(seen, ended(current(seen), 3, report), failed=True, ended=NOW))
    assert of(failed) == ("Degraded", "LowRegistration: it broke")


def test_a_job_without_its_profile_is_degraded() -> None:
    status, message = of(settled(observed(profile=None, profile_names=()))[0])
    assert status == "Degraded" and message.startswith("ProfileNotFound")


@pytest.mark.parametrize(("field", "reason"), [({"suspend": True}, "Suspended"), ({"pauseAfter": "Poses"}, "Paused")])
def test_a_held_job_is_suspended(field: dict[str, Any], reason: str) -> None:
    seen = running()
    job = replace(seen.job, spec=spec_of(**field), generation=seen.job.generation + 1)
    status, message = of(settled(replace(seen, job=job))[0])
    assert status == "Suspended" and message.startswith(f"{reason}: ")


def test_a_job_whose_worker_is_silent_is_degraded_until_it_reports() -> None:
    policy = Policy(progress_url="http://operator", heartbeat_seconds=600)
    seen = running(policy=policy)
    silent, _ = settled(seen, NOW + seconds(600))
    assert of(silent)[0] == "Degraded" and of(silent)[1].startswith("WorkerSilent: Pod ")
    heard = replace(silent, heard=NOW + seconds(601))
    assert of(settled(heard, NOW + seconds(602))[0])[0] == "Progressing"


def test_the_documented_script_is_the_one_in_the_chart() -> None:
    page = (ROOT / "docs" / "gitops.md").read_text()
    _, _, after = page.partition("dev_ReconstructionJob: |\n")
    assert textwrap.dedent(after.partition("```")[0]).strip() == SCRIPT.strip()
