"""Workers' structured log lines, made readable."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import click
from pydantic import ValidationError

from reconstruction_api.text import one_line
from reconstruction_api.worker import Progress

from ..words import details
from .times import clock, parse_time

_IN_HEADING: Final = ("ts", "level", "msg", "stage", "job", "namespace", "attempt")
_COLOURS: Final = {"warning": "yellow", "error": "red"}


def readable(line: str, moment: str) -> str:
    """One line of a pod's log for people; a line that is no record stays as it is. `moment` is when the container
    wrote it (RFC 3339)."""
    try:
        record = json.loads(line)
    except ValueError:
        record = None
    if not isinstance(record, dict) or "msg" not in record:
        return f"{_time(moment)} {one_line(line)}"
    return _record(record, moment)


def _record(record: Mapping[str, Any], moment: str) -> str:
    level = str(record.get("level", ""))
    stage = f"{record['stage']}: " if record.get("stage") else ""
    text, rest = str(record["msg"]), {key: value for key, value in record.items() if key not in _IN_HEADING}
    if text == "progress" and (progress := _progress(record)) is not None:
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


def _progress(record: Mapping[str, Any]) -> Progress | None:
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
