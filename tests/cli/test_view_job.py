"""`recon view` of a job on a cluster: the test plays its API server, and runs the programs that are started in pods."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from reconstruction_cli.cluster import viewing
from reconstruction_cli.cluster.connection import Cluster
from reconstruction_cli.cluster.jobs import get_job
from reconstruction_cli.cluster.viewing import ViewedJob

ARTIFACT = {"name": "report.html", "format": "Report", "uri": "pvc://claim/artifacts/report.html", "sizeBytes": 6,
            "sha256": "0" * 64, "mediaType": "text/html"}  # fmt: skip


class ApiServer:
    """Knows one job and one pod."""

    namespace = "museum"

    def __init__(self) -> None:
        self.status: dict[str, Any] = {"observedGeneration": 1}
        self.pod: dict[str, Any] | None = None

    def get(self, path: str) -> dict[str, Any]:
        metadata = {"namespace": "museum", "name": "statue", "uid": "u", "generation": 1}
        return {"metadata": metadata, "spec": {}, "status": self.status}

    def pages(self, path: str, query: dict[str, str]) -> Iterator[dict[str, Any]]:
        yield {"items": [self.pod] if self.pod else []}

    def ended(self, status: str) -> None:
        since = "2026-01-01T00:00:00Z"
        condition = {"type": "Succeeded", "status": status, "reason": "x", "message": "", "lastTransitionTime": since}
        self.status["conditions"] = [condition]


@pytest.fixture
def server() -> ApiServer:
    return ApiServer()


@pytest.fixture
def job(server: ApiServer) -> Iterator[ViewedJob]:
    cluster = cast(Cluster, server)
    with ExitStack() as stack:
        yield ViewedJob(cluster, get_job(cluster, "statue"), stack)


def test_a_training_in_a_pod_is_asked_for_pictures_and_its_history(
    server: ApiServer, job: ViewedJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(_cluster: object, pod: str, _container: str, arguments: list[str]) -> Iterator[bytes]:
        assert pod == "statue-train-0"
        yield subprocess.run([sys.executable, "-I", "-c", *arguments], check=True, capture_output=True).stdout

    monkeypatch.setattr(viewing, "output_of", run)
    monkeypatch.setattr(viewing, "WORKSPACE_PATH", str(tmp_path))
    server.status |= {"stage": "train", "progress": {"percent": 40, "stagePercent": 55, "message": "training"}}
    assert (job.moment().stage, job.moment().history) == ("Training", []), "no pod runs"
    server.pod = {"metadata": {"name": "statue-train-0"}, "status": {"phase": "Running"}}
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "history.jsonl").write_text('{"step": 20, "loss": 0.5, "psnr": 17.0}\n{"st')
    seen = job.moment()
    assert (seen.percent, seen.history, seen.picture) == (55, [[20, 0.5, 17.0, None]], "")
    assert (tmp_path / "live" / "wanted").exists()
    (tmp_path / "live" / "view.jpg").write_bytes(b"\xff\xd8jpeg")
    first = job.moment()
    assert first.picture and job.picture() == b"\xff\xd8jpeg"
    assert job.moment().picture == first.picture, "it is not fetched again"


def test_a_pod_that_can_t_be_asked_does_not_end_the_view(
    server: ApiServer, job: ViewedJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> Iterator[bytes]:
        raise viewing.Unreadable("no python")
        yield b""

    monkeypatch.setattr(viewing, "output_of", refused)
    server.status |= {"stage": "train"}
    server.pod = {"metadata": {"name": "statue-train-0"}, "status": {"phase": "Running"}}
    assert job.moment().history == []


def test_the_report_is_read_when_it_is_asked_for_and_nothing_else(
    server: ApiServer, job: ViewedJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    class Pod:
        def __enter__(self) -> str:
            return "statue-get-1"

        def __exit__(self, *_: object) -> None:
            read.append("pod removed")

    def file(_cluster: object, pod: str, _container: str, path: str, _offset: int) -> Iterator[bytes]:
        read.append(path)
        yield b"<html>"

    monkeypatch.setattr(viewing, "download_pod", lambda *_: Pod())
    monkeypatch.setattr(viewing, "read_file", file)
    server.status |= {"artifacts": [ARTIFACT], "workspaceClaim": "claim"}
    server.ended("True")
    assert job.moment().report and read == []
    assert b"".join(job.read("report.html")) == b"<html>"
    assert [Path(path).name for path in read] == ["report.html"]


def test_a_job_that_has_failed_says_why(server: ApiServer, job: ViewedJob) -> None:
    server.ended("False")
    failure = {
        "code": "DiskFull",
        "category": "Resource",
        "message": "No space left.",
        "suggestion": "",
        "retryable": True,
    }
    server.status["failure"] = failure
    assert job.moment().ended == "DiskFull: No space left."
