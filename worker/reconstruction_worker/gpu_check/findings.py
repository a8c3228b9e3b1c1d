"""What a check came to, and the table of all."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class Outcome(StrEnum):
    PASSED = "passed"
    FAILED = "FAILED"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """One line of the table."""

    what: str
    outcome: Outcome
    measured: str = ""
    seconds: float = 0.0


Check = Callable[[], Iterable[Finding]]


def judged(what: str, good: bool, measured: str) -> Finding:
    return Finding(what, Outcome.PASSED if good else Outcome.FAILED, measured)


def carried_out(what: str, check: Check) -> list[Finding]:
    """What a check finds. One whose libraries are missing is skipped, one that raises has failed."""
    started = time.monotonic()
    findings: list[Finding] = []
    try:
        findings.extend(check())
    except ModuleNotFoundError as error:
        findings.append(Finding(what, Outcome.SKIPPED, f"{error.name} is not installed"))
    except Exception as error:  # whatever goes wrong is what the check is for
        traceback.print_exc()
        message = " ".join(str(error).split())[:160]
        findings.append(Finding(what, Outcome.FAILED, f"{type(error).__name__}: {message}"))
    if findings:
        findings[-1] = replace(findings[-1], seconds=time.monotonic() - started)
    return findings


def table(findings: Iterable[Finding]) -> str:
    """As Markdown, for docs/gpu.md and for people."""
    lines = ["| check | outcome | measured | s |", "|---|---|---|---|"]
    for each in findings:
        lines.append(f"| {each.what} | {each.outcome} | {each.measured} | {each.seconds:.0f} |")
    return "\n".join(lines)
