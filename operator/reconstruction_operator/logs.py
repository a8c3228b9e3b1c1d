"""Structured logs: one JSON object a line, with the job it is about."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Literal

from reconstruction_api.secrecy import scrubbed
from reconstruction_api.text import lines, one_line

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Scrubbing(logging.Filter):
    """Takes out of messages, and of the fields beside them, what looks like a secret: much of it is text of users, of
    other programs and of libraries."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = scrubbed(record.getMessage()), None
        for name, value in vars(record).items():
            if name not in _STANDARD and isinstance(value, str):
                setattr(record, name, scrubbed(value))
        return True


class ScrubbedFormatter(logging.Formatter):
    """The same for tracebacks."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name is logging's
        return scrubbed(super().formatException(ei))


class JsonFormatter(ScrubbedFormatter):
    """`extra={...}` of a log call becomes fields of the object."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, str | int | float] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name, value in vars(record).items():
            if name not in _STANDARD and not name.startswith("_") and isinstance(value, str | int | float):
                entry[name] = value
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


class TextFormatter(ScrubbedFormatter):
    """A line a record, for people; a traceback follows it, indented."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        bare = logging.makeLogRecord(vars(record) | {"msg": one_line(record.getMessage()), "args": None})
        bare.exc_info = bare.exc_text = bare.stack_info = None
        parts = [super().format(bare)]
        if record.exc_info:
            parts += [f"    {line}" for line in lines(self.formatException(record.exc_info)).splitlines()]
        return "\n".join(parts)


def configure(level: str, style: Literal["json", "text"]) -> None:
    """Log to standard error. kopf logs every event it handles; only its warnings are wanted."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Scrubbing())
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("kopf").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
