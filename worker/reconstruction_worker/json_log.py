"""Structured logs: one JSON object a line."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from reconstruction_api.errors import ExitCode
from reconstruction_api.secrecy import scrubbed_data
from reconstruction_api.stages import StageName
from reconstruction_api.worker import Failure, Progress, StageResult

PROGRESS_INTERVAL_SECONDS: Final = 2.0
"""`recon watch` reads the numbers here: the operator writes them into status as often as the cluster can afford."""


class JsonLog:
    """Writes records with a time, a level, a message, and fields that every record has."""

    def __init__(self, stream: TextIO, **fields: Any):
        self._stream = stream
        self._fields = fields

    def bound(self, **fields: Any) -> JsonLog:
        """The same log with more fields in every record."""
        return JsonLog(self._stream, **self._fields, **fields)

    def info(self, msg: str, **fields: Any) -> None:
        self._write("info", msg, fields)

    def error(self, msg: str, **fields: Any) -> None:
        self._write("error", msg, fields)

    def _write(self, level: str, msg: str, fields: Mapping[str, Any]) -> None:
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        record = {"ts": moment, "level": level, "msg": msg, **self._fields, **scrubbed_data(fields)}
        self._stream.write(json.dumps(record, default=str) + "\n")
        self._stream.flush()


class LogObserver:
    """Logs a run: each stage's start and end, and its progress now and then."""

    def __init__(self, log: JsonLog):
        self._log = log
        self._last_progress = 0.0

    def stage_started(self, stage: StageName, *, resumed: bool) -> None:
        self._last_progress = time.monotonic()
        self._log.info("stage resumed" if resumed else "stage started", stage=stage)

    def stage_progressed(self, progress: Progress) -> None:
        if time.monotonic() - self._last_progress >= PROGRESS_INTERVAL_SECONDS:
            self._last_progress = time.monotonic()
            self._log.info("progress", **progress.model_dump(mode="json", by_alias=True, exclude_none=True))

    def stage_ended(self, result: StageResult, metrics: Mapping[str, str | int]) -> None:
        msg = "stage skipped" if result.skipped else "stage done"
        self._log.info(msg, stage=result.name, seconds=result.seconds, result=result.message, metrics=dict(metrics))

    def stage_failed(self, stage: StageName | None, failure: Failure) -> None:
        self._log.error("stage failed", **{**failure.model_dump(mode="json", by_alias=True), "stage": stage})

    def stopped(self, stage: StageName | None) -> None:
        self._log.info("stopped on request", stage=stage, exitCode=ExitCode.RESUMABLE_STOP.value)
