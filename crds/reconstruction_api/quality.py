"""What a job's quality bar makes of its result, as the worker reports it and the operator reads it."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """How the held-out views compare with spec.quality."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
