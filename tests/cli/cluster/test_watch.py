"""`recon watch`: a job is followed to its end."""

from __future__ import annotations

import io
import os
import re
import signal
from pathlib import Path

import pytest
from rich.console import Console
from tests.cli.cluster.conftest import JOB, Museum, artifact, condition, stage
from tests.cli.cluster.watcher import Watcher
from tests.cli.conftest import Recon

from reconstruction_cli.cluster.events import Event
from reconstruction_cli.cluster.jobs import Job, parse
from reconstruction_cli.cluster.progress import display_for
from reconstruction_cli.cluster.show import overview
from reconstruction_cli.cluster.times import parse_time

PROGRESS = {"percent": 41, "stagePercent": 37, "step": 300, "totalSteps": 900, "etaSeconds": 75, "loss": "0.0123",
            "psnr": "24.51"}  # fmt: skip


@pytest.mark.cluster
def test_every_change_is_a_line_and_the_end_is_the_exit_status(museum: Museum) -> None:
    museum.create()
    with Watcher("watch", "statue") as watcher:
        museum.write_status(
            stages=[stage("ingest", "Succeeded", "40 photos"), stage("poses", "Running")],
            conditions=[
                condition("Admitted", "False", "Unschedulable", "0/3 nodes have a GPU."),
                condition("Succeeded", "Unknown", "Pending"),
            ],
        )
        watcher.until("ingest: succeeded · 40 photos")
        watcher.until("Admitted False (Unschedulable) 0/3 nodes have a GPU.")
        museum.write_status(stage="train", stages=[stage("train", "Running")], progress=PROGRESS)
        watcher.until("train: 37 % · step 300 of 900 · loss 0.0123 · PSNR 24.5 dB · 1 min 15 s left")
        museum.write_status(
            conditions=[condition("Succeeded", "True", "Completed")],
            metrics={"psnr": "27.31", "ssim": "0.912"},
            artifacts=[artifact("model.glb", b"1234")],
        )
        watcher.until("Held-out views: PSNR 27.31 dB, SSIM 0.912")
        watcher.until("model.glb  4 B")
        assert watcher.end() == 0


@pytest.mark.cluster
def test_submitting_and_watching_ends_with_the_failures_status(museum: Museum, tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(JOB)
    with Watcher("submit", "-", "--watch", stdin=tmp_path / "job.yaml") as watcher:
        watcher.until("statue created.")
        museum.write_status(
            conditions=[condition("Succeeded", "False", "LowRegistration")],
            failure={
                "code": "LowRegistration",
                "category": "Model",
                "message": "5 of 40 photos placed",
                "suggestion": "Add photos.",
                "retryable": False,
                "stage": "poses",
            },
        )
        watcher.until("LowRegistration in stage poses")
        watcher.until("What to do: Add photos.")
        assert watcher.end() == 3


@pytest.mark.cluster
def test_a_job_deleted_on_the_way(museum: Museum) -> None:
    museum.create()
    museum.write_status(stages=[stage("ingest", "Running")])
    with Watcher("watch", "statue") as watcher:
        watcher.until("ingest: running")
        museum.send("DELETE", "statue")
        watcher.until("ObjectNotFound")
        watcher.until("statue was deleted.")
        assert watcher.end() == 2


@pytest.mark.cluster
def test_interrupting_ends_only_the_watching(museum: Museum) -> None:
    museum.create()
    museum.write_status(stages=[stage("ingest", "Running")])
    with Watcher("watch", "statue") as watcher:
        watcher.until("ingest: running")
        watcher.process.send_signal(signal.SIGINT)
        assert watcher.end() == 130
        assert museum.job()["metadata"]["name"] == "statue"


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("code", "category", "status"),
    [("DiskFull", "Resource", 4), ("InvalidSpec", "Validation", 2), ("FromTheFuture", "Model", 3)],
)
def test_an_ended_job_is_told_at_once(recon: Recon, museum: Museum, code: str, category: str, status: int) -> None:
    museum.create()
    museum.write_status(
        conditions=[condition("Succeeded", "False", code)],
        failure={"code": code, "category": category, "message": "Why.", "suggestion": "Do.", "retryable": False},
    )
    answer = recon("watch", "statue")
    assert answer.status == status
    assert answer.err == f"{code}\n  Why.\n  What to do: Do.\n"


@pytest.mark.cluster
def test_a_status_about_an_older_spec_is_no_end(museum: Museum) -> None:
    museum.create()
    museum.write_status(conditions=[condition("Succeeded", "True", "Completed")])
    museum.send("PATCH", "statue", {"spec": {"mesh": {"targetFaces": 500}}}, "application/merge-patch+json")
    with Watcher("watch", "statue") as watcher:
        museum.write_status(
            conditions=[condition("Succeeded", "Unknown", "Running")], stages=[stage("mesh", "Running")]
        )
        watcher.until("mesh: running")
        museum.write_status(conditions=[condition("Succeeded", "True", "Completed")])
        watcher.until("has succeeded")
        assert watcher.end() == 0


def picture(job: Job) -> str:
    console = Console(width=120, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123 - ends with the test
    console.print(overview(job, []))
    return re.sub(r" +", " ", console.export_text())


def job_with(**status: object) -> Job:
    status = {"observedGeneration": 1, **status}
    metadata = {"name": "statue", "namespace": "museum", "uid": "1", "generation": 1}
    return parse({"metadata": metadata, "spec": {"engine": "nerfacto"}, "status": status})


def test_the_picture_shows_stages_numbers_and_what_stands_in_the_way() -> None:
    text = picture(
        job_with(
            stage="train",
            stages=[stage("poses", "Succeeded", "38 of 40 photos"), stage("train", "Running")],
            progress=PROGRESS,
            conditions=[condition("Reconciling", "True", "Retrying", "DiskFull: no space")],
        )
    )
    assert "museum/statue (nerfacto) 41 %" in text
    assert "✓ poses" in text and "38 of 40 photos" in text
    assert "▸ train" in text and "step 300 of 900 · loss 0.0123 · PSNR 24.5 dB · 1 min 15 s left" in text
    assert "Reconciling True (Retrying) DiskFull: no space" in text


def test_on_a_terminal_it_is_a_live_picture() -> None:
    screen = io.StringIO()
    console = Console(width=120, file=screen, force_terminal=True)
    with display_for(console, job_with()) as display:
        display.job_changed(job_with(stages=[stage("train", "Running")], stage="train", progress=PROGRESS))
        event = Event(parse_time("2026-01-31T12:00:00Z"), True, "Interrupted", "The node is drained.", "1")
        display.event_came(event, [event])
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue())
    assert "step 300 of 900" in text
    assert "Interrupted The node is drained." in text
    assert screen.getvalue().startswith("\x1b[?25l"), "no cursor in the picture"


def test_a_job_that_no_operator_looks_at_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconstruction_cli.cluster.progress.OPERATOR_ANSWERS_SECONDS", 0)
    screen = io.StringIO()
    with display_for(Console(width=120, file=screen), job_with(observedGeneration=None)) as display:
        display.tick()
        display.tick()
    assert screen.getvalue().count("Is the operator running") == 1


def test_before_the_operator_answers_all_stages_are_pending() -> None:
    text = picture(job_with())
    assert [line.split()[1] for line in text.splitlines()[1:]] == [
        "ingest",
        "poses",
        "train",
        "mesh",
        "texture",
        "evaluate",
        "export",
        "report",
    ]


def test_fields_of_a_newer_operator_do_not_disturb() -> None:
    job = job_with(
        stages=[stage("train", "Running", flux="capacitor")],
        novelty={"a": 1},
        stage="polish",
        progress={"percent": 5, "stagePercent": 5, "warp": 9},
    )
    assert "train" in picture(job)
