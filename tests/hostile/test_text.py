"""One hostile text through every place where text is shown: it makes no line, steers no terminal, and stays text."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rich.console import Console
from tests.operator.builders import KEY, NOW, UID, job_view

from reconstruction_api.deliveries import Delivery, DeliveryState
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.stages import StageName
from reconstruction_api.status import ClassRun, Condition
from reconstruction_api.worker import Artifact, Checkpoint, Failure, Progress, StageResult
from reconstruction_cli.cluster.artifacts import show_artifacts
from reconstruction_cli.cluster.describing import describe
from reconstruction_cli.cluster.events import parse as parse_event
from reconstruction_cli.cluster.jobs import parse
from reconstruction_cli.cluster.listing import list_jobs
from reconstruction_cli.cluster.log_lines import readable
from reconstruction_cli.cluster.progress import PlainDisplay
from reconstruction_cli.cluster.watching import print_end
from reconstruction_cli.display import PlainDisplay as LocalDisplay
from reconstruction_cli.failure import print_failure
from reconstruction_operator.actions import Emit
from reconstruction_operator.event_recorder import event
from reconstruction_operator.kube import ApiError
from reconstruction_operator.logs import JsonFormatter, TextFormatter
from reconstruction_operator.parse import pod
from reconstruction_operator.store import Store
from reconstruction_worker.json_log import JsonLog

from .reports import STEERING

MOMENT = "2026-01-31T12:00:00Z"
PLAIN = "level=error forged second txt.exe 31m"
MARKUP = "[bold red]loud[/] [link=https://evil.example]here[/link] \\[x]"


class Cluster:
    """Answers as an API server would whose objects hold this text wherever they may."""

    namespace = "museum"

    def __init__(self, text: str):
        self.text = text

    def get(self, _: str) -> dict[str, Any]:
        condition = {
            "type": "Accepted",
            "status": "False",
            "reason": self.text,
            "message": self.text,
            "lastTransitionTime": MOMENT,
        }
        failed = {"type": "Succeeded", "status": "True", "reason": "Completed", "lastTransitionTime": MOMENT}
        artifact = {
            "name": f"a{self.text}",
            "format": self.text,
            "uri": self.text,
            "sizeBytes": 1,
            "sha256": self.text,
            "mediaType": self.text,
        }
        return {
            "metadata": {"namespace": "museum", "name": "statue", "uid": UID, "generation": 1},
            "spec": {"engine": self.text},
            "status": {
                "observedGeneration": 1,
                "conditions": [condition, failed],
                "stages": [{"name": "ingest", "state": "Succeeded", "message": self.text, "digest": self.text}],
                "metrics": {"psnr": self.text, self.text: self.text},
                "artifacts": [artifact],
                "profile": {"kind": self.text, "name": self.text, "generation": 1},
                "workspaceClaim": self.text,
                "checkpoints": [{"name": self.text, "step": 1, "sizeBytes": 1, "sha256": self.text}],
                "failure": {
                    "code": self.text,
                    "category": "Model",
                    "message": self.text,
                    "suggestion": self.text,
                    "retryable": False,
                    "stage": self.text,
                },
                "runs": [{"resourceClass": "prepare", "digest": "d", "attempt": 1, "jobName": self.text}],
                "notifications": [
                    {
                        "event": self.text,
                        "id": "1",
                        "url": self.text,
                        "state": "Failed",
                        "eventTime": MOMENT,
                        "message": self.text,
                    }
                ],
            },
        }

    def pages(self, path: str, *_: Any, accept: str = "") -> Iterator[dict[str, Any]]:
        if accept:
            row = {"object": {"metadata": {"namespace": "museum"}}, "cells": ["statue", self.text]}
            yield {
                "columnDefinitions": [{"name": "Name", "priority": 0}, {"name": "Reason", "priority": 0}],
                "rows": [row],
            }
        elif path.endswith("/events"):
            yield {"items": [self.event()]}
        else:
            yield {"items": [self.get("")], "metadata": {}}

    def event(self) -> dict[str, Any]:
        return {
            "metadata": {"uid": "1", "creationTimestamp": MOMENT},
            "reason": self.text,
            "message": self.text,
            "type": "Warning",
        }


def _record(text: str) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "a", "levelname": "INFO", "msg": "said: %s", "args": (text,)})


def _raised(text: str) -> logging.LogRecord:
    try:
        raise ApiError(500, text, text)
    except ApiError:
        return logging.makeLogRecord({"name": "a", "levelname": "INFO", "msg": text, "exc_info": sys.exc_info()})


def _failure(text: str) -> Failure:
    return Failure.from_error(ReconstructionError("EmptyMesh", text, suggestion=text, details={text: [text]}), text)


def _worker_log(text: str) -> str:
    stream = io.StringIO()
    JsonLog(stream, job=text).error(text, **{text: text})
    return stream.getvalue()


def _pod(text: str) -> str:
    status = {
        "phase": "Failed",
        "reason": text,
        "message": text,
        "conditions": [{"type": "PodScheduled", "status": "False", "reason": text, "message": text}],
        "containerStatuses": [{"name": "worker", "state": {"waiting": {"reason": text, "message": text}}}],
    }
    seen = pod({"metadata": {"name": "p", "uid": "u", "namespace": "n"}, "status": status})
    container = seen.container
    return " ".join([seen.reason, seen.message, seen.unscheduled_reason, seen.unscheduled_message,
                     container.waiting_reason, container.waiting_message])  # fmt: skip


def _explained(text: str) -> str:
    store = Store()
    store.observe_job({"metadata": {"namespace": KEY.namespace, "name": KEY.name, "uid": UID}})
    store.explain(KEY, "uid", text)
    store.refuse(KEY, text, NOW)
    refusal = store.refusal(KEY)
    return f"{store.explanations(KEY)['uid']} {refusal.message if refusal else ''}"


IN_STATUS: dict[str, Callable[[str], Any]] = {
    "condition": lambda text: Condition(type="A", status="True", reason="B", message=text, last_transition_time=MOMENT),
    "failure": _failure,
    "stage": lambda text: StageResult(name=StageName.TRAIN, digest=text, message=text),
    "progress": lambda text: Progress(stage=StageName.TRAIN, message=text),
    "run": lambda text: ClassRun(resource_class="prepare", digest="d", attempt=1, job_name="j", trouble=text),  # type: ignore[arg-type]
    "delivery": lambda text: Delivery(
        event="Failed", id="1", url="u", state=DeliveryState.FAILED, event_time=MOMENT, explanation=text, message=text
    ),
    "artifact": lambda text: Artifact(name=text, format=text, uri=text, size_bytes=1, sha256=text, media_type=text),
    "checkpoint": lambda text: Checkpoint(name=text, step=1, size_bytes=1, sha256=text),
}

BY_OPERATOR: dict[str, Callable[[str], str]] = {
    "log as text": lambda text: TextFormatter().format(_record(text)),
    "log as JSON": lambda text: JsonFormatter().format(_record(text)),
    "traceback as text": lambda text: TextFormatter().format(_raised(text)),
    "traceback as JSON": lambda text: JsonFormatter().format(_raised(text)),
    "Event": lambda text: " ".join(
        event(job_view(), Emit(True, text, text), "i", NOW)[field] for field in ("reason", "note")
    ),
    "answer of the API server": lambda text: str(ApiError(500, "", text)),
    "pod": _pod,
    "what the cluster said": _explained,
    "log of the worker": _worker_log,
}


def _shown(show: Callable[[Any], Any]) -> Callable[[str], Any]:
    return lambda text: show(Cluster(text))


ON_TERMINAL: dict[str, Callable[[str], Any]] = {
    "describe": _shown(lambda cluster: describe(cluster, "statue")),
    "artifacts": _shown(lambda cluster: show_artifacts(cluster, "statue", "wide")),
    "list": _shown(lambda cluster: list_jobs(cluster, everywhere=True, selector=None, output="wide")),
    "list as YAML": _shown(lambda cluster: list_jobs(cluster, everywhere=True, selector=None, output="yaml")),
    "list as JSON": _shown(lambda cluster: list_jobs(cluster, everywhere=True, selector=None, output="json")),
    "end of watch": _shown(lambda cluster: print_end(Console(width=400), parse(cluster.get("")))),
    "watch": _shown(lambda cluster: PlainDisplay(Console(width=400), parse(cluster.get(""))).__enter__()),
    "event": _shown(
        lambda cluster: PlainDisplay(Console(width=400), parse(Cluster("x").get(""))).event_came(
            parse_event(cluster.event()), []
        )
    ),
    "log line": lambda text: print(readable(text, MOMENT)),
    "log record": lambda text: print(readable(json.dumps({"msg": text, "stage": text, "k": text + text}), MOMENT)),
    "log lines": lambda text: print(readable(json.dumps({"msg": "m", "level": "error", "lines": [text]}), MOMENT)),
    "failure": lambda text: print_failure(_failure(text), log=text),
    "local run": lambda text: LocalDisplay(Console(width=400)).stage_ended(
        StageResult(name=StageName.TRAIN, digest="d", message=text), {}
    ),
}


def check(output: str, expected_lines: int | None = None) -> None:
    odd = {letter for letter in output if not letter.isprintable()} - {"\n", "\u200d"}
    assert not odd, f"{odd} in {output!r}"
    assert not {"\u202e", "\u2066"} & set(output)
    assert "forged" in output and not any(line.startswith("level=error") for line in output.splitlines())
    if expected_lines is not None:
        assert len(output.splitlines()) == expected_lines, output


@pytest.mark.parametrize("place", IN_STATUS)
def test_status_holds_it_as_one_line(place: str) -> None:
    document = IN_STATUS[place](STEERING).model_dump(mode="json", by_alias=True)
    check(json.dumps(document, ensure_ascii=False), 1)
    assert "\\n" not in json.dumps(document)


@pytest.mark.parametrize("place", BY_OPERATOR)
def test_the_operator_and_the_worker_write_it_as_one_line(place: str) -> None:
    output, plain = BY_OPERATOR[place](STEERING), BY_OPERATOR[place](PLAIN)
    check(output.rstrip("\n"), len(plain.splitlines()))


def test_an_event_is_no_longer_than_the_api_server_takes() -> None:
    for text in ("x" * 5000, "é" * 5000, "中" * 5000, "👩" * 5000):
        note = event(job_view(), Emit(True, "Reason", text), "i", NOW)["note"]
        assert 800 < len(note.encode()) <= 1024 and note.endswith("…")


@pytest.mark.parametrize("place", ON_TERMINAL)
def test_recon_shows_it_as_text(place: str, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "4000")

    def output(text: str) -> str:
        ON_TERMINAL[place](text)
        out, err = capsys.readouterr()
        return (out + err).replace("\x1b[2m", "").replace("\x1b[31m", "").replace("\x1b[0m", "")  # click's own

    wanted = None if "as YAML" in place or place == "log record" else len(output(PLAIN).splitlines())
    check(output(STEERING), wanted)


@pytest.mark.parametrize("place", [place for place in ON_TERMINAL if "log" not in place and " as " not in place])
def test_recon_takes_it_for_no_markup(place: str, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "4000")
    ON_TERMINAL[place](MARKUP)
    out, err = capsys.readouterr()
    assert MARKUP in out + err
