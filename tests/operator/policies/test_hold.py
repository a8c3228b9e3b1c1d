"""spec.pauseAfter and spec.softDeadlineSeconds: the job waits for a change of the spec."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconstruction_api.stages import StageName
from reconstruction_api.worker import PodReport, StageResult
from reconstruction_operator.actions import CreateJob, DeleteJob, Emit
from reconstruction_operator.model import Container, Observed

from ..builders import (
    NOW,
    PREPARE,
    RECONSTRUCT,
    actions,
    changed,
    condition,
    current,
    ended,
    message,
    need_of,
    observed,
    pod_of,
    report_of,
    seconds,
    settled,
    spec_of,
    started,
    states,
    update,
    with_pod,
)


def after_the_poses() -> tuple[Observed, Any]:
    seen = started(PREPARE, spec_of(pauseAfter="Poses"))
    done = with_pod(seen, ended(current(seen), 0, report_of(PREPARE)), succeeded=True, ended=NOW)
    return settled(done)


def test_the_job_pauses_after_the_stage_and_asks_a_person_to_look() -> None:
    seen, plan = after_the_poses()
    assert condition(seen.job.status, "Suspended") == ("True", "Paused")
    assert "clear spec.pauseAfter" in message(seen.job.status, "Suspended")
    assert condition(seen.job.status, "Succeeded") == ("Unknown", "Paused")
    assert condition(seen.job.status, "Reconciling")[0] == "False"
    assert actions(plan, CreateJob) == [] and plan.next_check is None
    assert [emit.reason for emit in actions(plan, Emit)][-1] == "Paused"
    assert current(seen).resource_class is RECONSTRUCT


def test_clearing_the_field_continues_with_the_next_class() -> None:
    seen, plan = settled(changed(after_the_poses()[0]))
    assert len(actions(plan, CreateJob)) == 1
    assert seen.job.status.runs[0].completed and seen.job.status.runs[0].attempt == 1
    assert current(seen).resource_class is RECONSTRUCT


def test_naming_a_later_stage_continues_until_there() -> None:
    seen, plan = settled(changed(after_the_poses()[0], pauseAfter="Train"))
    assert len(actions(plan, CreateJob)) == 1
    assert condition(seen.job.status, "Suspended")[0] == "False"


def paused_in_the_class(**fields: Any) -> Observed:
    """The reconstruct pod was told to end after the training, and has."""
    spec = spec_of(pauseAfter="Train")
    seen = started(RECONSTRUCT, spec)
    digest = need_of(RECONSTRUCT, spec).stages
    train = [StageResult(name=StageName.TRAIN, digest=digest["train"])]
    report = PodReport(stages=train, paused_after=train[0].name)
    return with_pod(seen, ended(current(seen), 0, report), succeeded=True, ended=NOW)


def test_a_pause_within_a_class_keeps_what_is_done_and_is_no_failure() -> None:
    seen, plan = settled(paused_in_the_class())
    assert condition(seen.job.status, "Suspended") == ("True", "Paused")
    assert condition(seen.job.status, "Trained")[0] == "True"
    assert (states(seen)["train"], states(seen)["evaluate"]) == ("Succeeded", "Pending")
    assert current(seen).failures == 0 and not current(seen).completed
    assert [emit.reason for emit in actions(plan, Emit)] == ["Paused"]
    assert actions(plan, CreateJob) == []


def test_a_field_cleared_before_the_worker_noticed_costs_nothing() -> None:
    seen, plan = settled(changed(paused_in_the_class()))
    assert len(actions(plan, CreateJob)) == 1
    assert (current(seen).attempt, current(seen).failures) == (2, 0)


def test_a_pause_set_late_stops_what_runs_beyond_the_stage() -> None:
    seen = started(RECONSTRUCT)
    running = with_pod(seen, pod_of(current(seen)))
    after, plan = settled(changed(running, pauseAfter="Poses"))
    assert [action.name for action in actions(plan, DeleteJob)] == [current(running).job_name]
    assert condition(after.job.status, "Suspended") == ("True", "Paused")


def test_a_pause_set_while_its_stage_runs_takes_effect_when_the_worker_says_it_is_done() -> None:
    seen = started(RECONSTRUCT)
    running = changed(with_pod(seen, pod_of(current(seen))), pauseAfter="Train")
    run = current(running)
    digest = need_of(RECONSTRUCT).stages
    done = [StageResult(name=StageName.TRAIN, digest=digest["train"])]
    live = replace(running, live=update(run, "evaluate", 5, stages=done))
    known, first = settled(live)
    assert first.next_check == NOW  # to be looked at again at once
    after, plan = settled(known)
    assert [action.name for action in actions(plan, DeleteJob)] == [run.job_name]
    assert states(after)["train"] == "Succeeded"
    assert condition(after.job.status, "Suspended") == ("True", "Paused")


def test_changed_photos_make_the_stage_run_again_before_the_pause() -> None:
    seen, plan = settled(changed(after_the_poses()[0], pauseAfter="Poses", images={"maxSidePixels": 800}))
    assert condition(seen.job.status, "Suspended")[0] == "False"
    assert len(actions(plan, CreateJob)) == 1


def out_of_time(**fields: Any) -> Observed:
    seen = started(PREPARE, spec_of(softDeadlineSeconds=100, **fields))
    return with_pod(seen, pod_of(current(seen), container=Container(started=NOW)))


def test_the_soft_deadline_stops_the_pod_gracefully_and_says_how_to_go_on() -> None:
    seen, plan = settled(out_of_time(), NOW + seconds(100))
    assert [action.name for action in actions(plan, DeleteJob)] == [current(out_of_time()).job_name]
    assert condition(seen.job.status, "Suspended") == ("True", "SoftDeadlineExceeded")
    assert "Raise or clear" in message(seen.job.status, "Suspended")
    assert seen.job.status.failure is None and current(seen).failures == 0


@pytest.mark.parametrize("hard", [None, 5000])
def test_the_soft_deadline_is_looked_at_in_time(hard: int | None) -> None:
    _, plan = settled(out_of_time(activeDeadlineSeconds=hard), NOW + seconds(40))
    assert plan.next_check == NOW + seconds(100)


@pytest.mark.parametrize("limit", [None, 200])
def test_a_raised_or_cleared_soft_deadline_lets_the_job_go_on(limit: int | None) -> None:
    seen, _ = settled(out_of_time(), NOW + seconds(100))
    free = replace(seen, child_jobs=(), pods=())
    after, plan = settled(changed(free, softDeadlineSeconds=limit), NOW + seconds(500))
    assert len(actions(plan, CreateJob)) == 1
    assert current(after).seconds == 100


def test_an_unchanged_soft_deadline_keeps_holding() -> None:
    seen, _ = settled(out_of_time(), NOW + seconds(100))
    free = replace(seen, child_jobs=(), pods=())
    after, plan = settled(changed(free, softDeadlineSeconds=100, mesh={"targetFaces": 999}), NOW + seconds(500))
    assert actions(plan, CreateJob) == []
    assert condition(after.job.status, "Suspended") == ("True", "SoftDeadlineExceeded")


def test_a_redone_stage_runs_with_all_that_build_on_it_and_nothing_before_it() -> None:
    seen = started(RECONSTRUCT)
    done = with_pod(seen, ended(current(seen), 0, report_of(RECONSTRUCT)), succeeded=True, ended=NOW)
    finished, _ = settled(done)
    after, _ = settled(changed(finished, redo={"mesh": 1}))
    classes = {run.resource_class: run for run in after.job.status.runs}
    assert classes[PREPARE].completed and not classes[RECONSTRUCT].completed
    assert [name for name, state in states(after).items() if state == "Succeeded"] == ["ingest", "poses", "train"]


def test_a_job_without_any_of_it_is_not_held() -> None:
    seen, _ = settled(observed())
    assert condition(seen.job.status, "Suspended") == ("False", "NotSuspended")


def test_a_worker_of_another_release_pauses_too_though_it_works_out_other_digests() -> None:
    """It was given no plan, or could not read it. Without this it would be started again and again."""
    spec = spec_of(pauseAfter="Poses")
    seen = started(PREPARE, spec)
    stages = [StageResult(name=name, digest="0" * 64) for name in (StageName.INGEST, StageName.POSES)]
    report = PodReport(stages=stages, paused_after=StageName.POSES)
    seen, _ = settled(with_pod(seen, ended(current(seen), 0, report), succeeded=True, ended=NOW))
    seen, plan = settled(seen)
    assert actions(plan, CreateJob) == []
    assert condition(seen.job.status, "Suspended") == ("True", "Paused")
