"""Stages, live numbers, metrics and artifacts."""

from __future__ import annotations

from dataclasses import replace

from reconstruction_api.stages import StageName
from reconstruction_api.worker import PodReport, StageResult

from ..builders import (
    DELIVER,
    NOW,
    PREPARE,
    RECONSTRUCT,
    artifact,
    condition,
    current,
    ended,
    failure,
    need_of,
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


def running(resource_class=RECONSTRUCT):
    seen = started(resource_class)
    return settled(with_pod(seen, pod_of(current(seen))))[0]


def live(seen, stage: str, percent: float, **fields):
    return replace(seen, live=update(current(seen), stage, percent, **fields))


def test_the_stage_that_a_worker_reports_is_running() -> None:
    seen, _ = settled(live(running(), "train", 50))
    assert states(seen) | {"train": "Running", "mesh": "Pending", "poses": "Succeeded"} == states(seen)
    assert seen.job.status.stage == "train"
    progress = seen.job.status.progress
    assert progress is not None and (progress.percent, progress.stage_percent) == (45, 50)


def test_what_training_gains_and_what_it_takes_is_in_the_status() -> None:
    seen, _ = settled(live(running(), "train", 50))
    assert seen.live is not None and seen.live.progress is not None
    numbers = {
        "held_out_psnr": 27.318,
        "held_out_ssim": 0.91234,
        "trend": "Improving",
        "steps_per_second": 8.125,
        "cpu_percent": 187.4,
        "gpu_percent": 99.6,
        "disk_free_bytes": 10**12,
    }
    told = seen.live.model_copy(update={"progress": seen.live.progress.model_copy(update=numbers), "sequence": 9})
    progress = settled(replace(seen, live=told))[0].job.status.progress
    assert progress is not None
    assert (progress.held_out_psnr, progress.held_out_ssim, progress.trend) == ("27.32", "0.912", "Improving")
    assert (progress.steps_per_second, progress.cpu_percent, progress.gpu_percent) == ("8.12", 187, 100)
    assert progress.disk_free_bytes == 10**12


def test_stages_done_within_a_pod_are_marked_before_the_pod_ends() -> None:
    digest = need_of(PREPARE).stages[StageName.INGEST]
    done = [StageResult(name=StageName.INGEST, digest=digest, message="40 photos")]
    seen, _ = settled(live(running(PREPARE), "poses", 10, stages=done, metrics={"images": 40}))
    assert states(seen)["ingest"] == "Succeeded" and seen.job.status.metrics == {"images": 40}


def test_a_done_stage_stays_done_when_the_operator_has_forgotten_the_update() -> None:
    digest = need_of(PREPARE).stages[StageName.INGEST]
    done = [StageResult(name=StageName.INGEST, digest=digest)]
    seen, _ = settled(live(running(PREPARE), "poses", 10, stages=done))
    restarted, plan = settled(replace(seen, live=None), NOW + seconds(5))
    assert plan.status is None
    assert states(restarted) == states(seen)


def test_an_update_of_an_earlier_attempt_is_ignored() -> None:
    seen = running()
    old = update(current(seen).model_copy(update={"attempt": 7}), "train", 90)
    _, plan = settled(replace(seen, live=old))
    assert plan.status is None


def test_a_result_for_other_settings_does_not_count() -> None:
    wrong = [StageResult(name=StageName.INGEST, digest="0" * 64)]
    seen, _ = settled(live(running(PREPARE), "poses", 10, stages=wrong))
    assert states(seen)["ingest"] == "Pending"


def test_numbers_that_are_not_finite_are_left_out() -> None:
    seen = running()
    wild = update(current(seen), "train", 10)
    assert wild.progress is not None
    wild.progress.loss, wild.progress.eta_seconds = float("nan"), float("inf")
    after, _ = settled(replace(seen, live=wild))
    progress = after.job.status.progress
    assert progress is not None and progress.loss is None and progress.eta_seconds is None


def test_a_percentage_that_is_no_number_counts_as_none() -> None:
    after, _ = settled(live(running(), "train", float("nan")))
    assert after.job.status.progress is not None and after.job.status.progress.stage_percent == 0


def test_the_last_report_brings_the_artifacts_and_a_hundred_percent() -> None:
    seen = started(DELIVER)
    report = report_of(DELIVER, artifacts=[artifact("model.glb"), artifact("report.html")], metrics={"psnr": "27.3"})
    after, _ = settled(with_pod(seen, ended(current(seen), 0, report), succeeded=True, ended=NOW))
    status = after.job.status
    assert [each.name for each in status.artifacts] == ["model.glb", "report.html"]
    assert status.progress is not None and status.progress.percent == 100
    assert status.metrics == {"psnr": "27.3"}
    assert condition(status, "Succeeded") == ("True", "Completed")


def test_changed_exports_keep_the_quality_but_not_the_artifacts() -> None:
    seen = started(DELIVER)
    report = report_of(DELIVER, metrics={"psnr": "27.3"})
    done, _ = settled(with_pod(seen, ended(current(seen), 0, report), succeeded=True, ended=NOW))
    job = replace(done.job, spec=spec_of(exports=[{"format": "OBJ"}]), generation=2)
    after, _ = settled(replace(done, job=job))
    assert after.job.status.metrics == {"psnr": "27.3"} and after.job.status.artifacts == []
    assert states(after)["train"] == "Succeeded" and states(after)["export"] == "Pending"


def test_changed_photos_forget_the_quality() -> None:
    seen = started(DELIVER)
    report = report_of(DELIVER, metrics={"psnr": "27.3"})
    done, _ = settled(with_pod(seen, ended(current(seen), 0, report), succeeded=True, ended=NOW))
    job = replace(done.job, spec=spec_of(images={"maxSidePixels": 800}), generation=2)
    after, _ = settled(replace(done, job=job))
    assert after.job.status.metrics == {} and set(states(after).values()) == {"Pending"}


def test_the_stage_that_failed_says_why() -> None:
    seen = settled(live(running(), "train", 50))[0]
    pod = ended(current(seen), 3, PodReport(failure=failure("TrainingDiverged", retryable=False, stage="train")))
    after, _ = settled(with_pod(seen, pod, failed=True, ended=NOW))
    stage = next(each for each in after.job.status.stages if each.name == "train")
    assert (stage.state, stage.message) == ("Failed", "it broke")
    assert after.job.status.stage == "train"
