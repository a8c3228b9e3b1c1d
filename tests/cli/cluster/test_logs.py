"""`recon logs`: what a job's pods have to say, made readable."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.cluster.conftest import CRDS, Museum, condition, museum_on
from tests.cli.cluster.watcher import Watcher
from tests.cli.conftest import Recon
from tests.cluster.pods import restricted_pod
from tests.cluster.waiting import eventually

from harness.rest import Rest
from reconstruction_cli.cluster.log_lines import readable

NOW = "2026-01-31T12:00:00.123456789Z"


def shown(**record: Any) -> str:
    """A record as it is printed, without the time and colours."""
    line = json.dumps({"ts": NOW, "level": "info", "job": "statue", "namespace": "museum", "attempt": 1} | record)
    return re.sub(r"\x1b\[\d*m", "", readable(line, NOW)).partition(" ")[2]


def test_progress_reads_as_in_a_local_run() -> None:
    record = {"stage": "train", "percent": 37.4, "step": 300, "totalSteps": 900, "loss": 0.0123, "psnr": 24.51}
    assert shown(msg="progress", **record) == "train: 37 % · step 300 of 900 · loss 0.0123 · PSNR 24.5 dB"


def test_fields_follow_the_message() -> None:
    text = shown(msg="stage done", stage="ingest", seconds=2.3, result="40 photos", metrics={"images": 40})
    assert text == 'ingest: stage done seconds=2.3 result="40 photos" images=40'


def test_an_error_stands_out_and_its_traceback_has_lines_of_its_own() -> None:
    text = shown(level="error", msg="failed", code="InternalError", traceback="Traceback:\n  here", lines=["a", "b"])
    assert text.splitlines() == ["ERROR failed code=InternalError", "    Traceback:", "      here", "    a", "    b"]


@pytest.mark.parametrize("line", ["plain words", "{not json", "[1]", '{"other": 1}', ""])
def test_a_line_that_is_no_record_stays_as_it_is(line: str) -> None:
    assert readable(line, NOW).endswith(line)


def test_a_log_does_not_steer_the_terminal() -> None:
    assert "\x1b]" not in readable("\x1b]0;title\x07", NOW)
    assert "\x1b]" not in shown(msg="\x1b]0;title\x07", result="\x1b]2;x\x07", lines=["\x1b]2;x\x07"])


def worker(museum: Museum, name: str, resource_class: str, image: str, records: list[str], hold: bool = False) -> None:
    """A pod as the operator makes them, that prints these lines; with `hold` it ends when asked to."""
    end = "import signal; signal.signal(15, lambda *_: exit(0)); signal.pause()" if hold else ""
    program = f"for line in {records!r}: print(line, flush=True)\n{end}"
    pod = restricted_pod(name, image, ["python3", "-c", program])
    uid = museum.job()["metadata"]["uid"]
    pod["metadata"]["labels"] = {
        "reconstruction.dev/job": "statue",
        "reconstruction.dev/job-uid": uid,
        "reconstruction.dev/resource-class": resource_class,
        "reconstruction.dev/attempt": "1",
    }
    pod["spec"]["containers"][0]["name"] = "worker"
    museum.send("POST", f"/api/v1/namespaces/{museum.name}/pods", pod)


def record(msg: str, **fields: Any) -> str:
    return json.dumps({"ts": NOW, "level": "info", "msg": msg, **fields})


@pytest.fixture
def gallery(
    node_kubeconfig: Path, python_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Museum]:
    """A running job, where pods run."""
    rest = Rest(node_kubeconfig)
    rest.install(CRDS)
    with museum_on(rest, node_kubeconfig, tmp_path, enforce="restricted") as museum:
        museum.create()
        museum.write_status(conditions=[condition("Succeeded", "Unknown", "Running")])
        monkeypatch.setenv("KUBECONFIG", str(museum.kubeconfig))
        yield museum


@pytest.mark.node
def test_following_goes_from_pod_to_pod_until_the_job_has_ended(gallery: Museum, python_image: str) -> None:
    worker(gallery, "first", "prepare", python_image, [record("stage started", stage="ingest")])
    with Watcher("logs", "statue", "-f") as watcher:
        watcher.until("── prepare, attempt 1: first ──")
        watcher.until("ingest: stage started")
        worker(gallery, "second", "reconstruct", python_image, [record("stage started", stage="train"), "plain"], True)
        watcher.until("── reconstruct, attempt 1: second ──")
        watcher.until("train: stage started")
        watcher.until(" plain")
        gallery.send("DELETE", f"/api/v1/namespaces/{gallery.name}/pods/second")
        gallery.write_status(conditions=[condition("Succeeded", "True", "Completed")])
        assert watcher.end() == 0, "\n".join(watcher.lines)


@pytest.mark.node
def test_logs_of_one_class_of_stages_raw_and_cut(recon: Recon, gallery: Museum, python_image: str) -> None:
    lines = [record("stage started", stage="train"), record("stage done", stage="train")]
    worker(gallery, "first", "prepare", python_image, [record("stage started", stage="ingest")])
    worker(gallery, "second", "reconstruct", python_image, lines)
    pods = f"/api/v1/namespaces/{gallery.name}/pods"
    assert eventually(
        lambda: all(pod["status"]["phase"] == "Succeeded" for pod in gallery.send("GET", pods)["items"]), seconds=180
    )
    assert recon("logs", "statue").out.count("──") == 4
    assert recon("logs", "statue", "--stage-class", "reconstruct", "--raw").out.splitlines() == lines
    assert recon("logs", "statue", "--stage-class", "reconstruct", "--raw", "--tail", 1).out.splitlines() == lines[1:]


@pytest.mark.cluster
def test_a_job_without_pods_says_what_it_waits_for(recon: Recon, museum: Museum) -> None:
    museum.create()
    museum.write_status(conditions=[condition("Accepted", "False", "ProfileNotFound", "There is no profile 'x'.")])
    answer = recon("logs", "statue")
    assert (answer.status, answer.out) == (0, "")
    assert answer.err.splitlines() == [
        f"{museum.name}/statue has no logs yet.",
        "Accepted False (ProfileNotFound) There is no profile 'x'.",
    ]


@pytest.mark.cluster
def test_following_ends_with_the_job(museum: Museum) -> None:
    museum.create()
    with Watcher("logs", "statue", "-f") as watcher:
        museum.write_status(conditions=[condition("Accepted", "False", "ProfileNotFound", "There is none.")])
        watcher.until("Accepted False (ProfileNotFound) There is none.")
        museum.write_status(conditions=[condition("Succeeded", "False", "ProfileNotFound")])
        assert watcher.end() == 0
