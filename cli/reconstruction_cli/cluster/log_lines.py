"""Workers' structured log lines, made readable."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, cast

import click
from pydantic import ValidationError

from reconstruction_api.text import one_line
from reconstruction_api.worker import Progress

from ..progress_text import details
from .times import clock, parse_time

_IN_HEADING: Final = ("ts", "level", "msg", "stage", "job", "namespace", "attempt")
_PROGRESS_APART: Final = timedelta(seconds=15)
_COLOURS: Final = {"warning": "yellow", "error": "red"}


def readable(line: str, moment: str) -> str:
    """One line of a pod's log for people; a line that is no record stays as it is. `moment` is when the container
    wrote it (RFC 3339)."""
    record = record_of(line)
    return f"{_time(moment)} {one_line(line)}" if record is None else _record(record, moment)


def record_of(line: str) -> Mapping[str, Any] | None:
    """None for a line that is no record."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return cast(dict[str, Any], record) if isinstance(record, dict) and "msg" in record else None


class SparseProgress:
    """Workers log their progress every two seconds, for those who follow the numbers; for people who read a log, one
    line in fifteen seconds is enough."""

    def __init__(self) -> None:
        self._last: tuple[Any, datetime] | None = None

    def leaves_out(self, line: str, moment: str) -> bool:
        """Whether the line says little that a line before has not said; `moment` as for `readable`."""
        record, at = record_of(line), parse_time(moment)
        if record is None or record.get("msg") != "progress":
            return False
        stage = record.get("stage")
        if self._last is not None and self._last[0] == stage and at - self._last[1] < _PROGRESS_APART:
            return True
        self._last = (stage, at)
        return False


def _record(record: Mapping[str, Any], moment: str) -> str:
    level = str(record.get("level", ""))
    stage = f"{record['stage']}: " if record.get("stage") else ""
    text, rest = str(record["msg"]), {key: value for key, value in record.items() if key not in _IN_HEADING}
    if text == "progress" and (progress := progress_of(record)) is not None:
        text, rest = f"{progress.percent:.0f} % · {details(progress)}", {}
    words = [one_line(f"{stage}{text}"), *(_field(key, value) for key, value in rest.items() if not _is_long(value))]
    heading = " ".join(words)
    if level in _COLOURS:
        heading = click.style(f"{level.upper()} {heading}", fg=_COLOURS[level])
    lines = [f"{_time(moment)} {heading}"]
    for value in rest.values():
        if _is_long(value):
            lines += [f"    {one_line(part)}" for part in _lines_of(value)]
    return "\n".join(lines)


def progress_of(record: Mapping[str, Any]) -> Progress | None:
    """The numbers of a record of progress; None where it has none."""
    fields = {key: value for key, value in record.items() if key not in _IN_HEADING or key == "stage"}
    try:
        return Progress.model_validate(fields, extra="ignore")
    except ValidationError:
        return None


def _is_long(value: Any) -> bool:
    """Whether a field has lines of its own: a traceback, the end of another log."""
    return (isinstance(value, str) and "\n" in value) or (isinstance(value, list) and len(value) > 0)


def _lines_of(value: Any) -> list[str]:
    return value.splitlines() if isinstance(value, str) else [str(part) for part in value]


def _field(key: str, value: Any) -> str:
    if value in (None, "", {}, []):
        return ""
    if isinstance(value, dict):
        return " ".join(filter(None, (_field(name, member) for name, member in value.items())))
    text, key = one_line(str(value)), one_line(key)
    return f"{key}={json.dumps(text, ensure_ascii=False) if ' ' in text else text}"


def _time(moment: str) -> str:
    return click.style(clock(parse_time(moment)), dim=True)
