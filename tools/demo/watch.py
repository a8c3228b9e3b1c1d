"""Follows a job to its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from devcluster.errors import DevclusterError
from devcluster.kubectl import Kubectl

from .journal import Journal, duration

POLL_SECONDS: Final = 1.5
PLAIN_SECONDS: Final = 10.0
"""Time between two lines where the output is no terminal."""

Status = dict[str, Any]


def follow(kubectl: Kubectl, job: str, journal: Journal, timeout: float, act: Callable[[Status], None]) -> Status:
    """Show the job until it has ended; its final status.

    `act` is called with each status on the way. Raises DevclusterError when `timeout` (seconds) is over.
    """
    deadline = time.monotonic() + timeout
    shown: set[str] = set()
    last_line = 0.0
    while time.monotonic() < deadline:
        status: Status = (kubectl.get(f"recon/{job}") or {}).get("status", {})
        for line in ended_stages(status):
            if line not in shown:
                shown.add(line)
                journal.say(line)
        if has_ended(status):
            return status
        act(status)
        text = summary(status)
        if not journal.live(text) and time.monotonic() - last_line > PLAIN_SECONDS:
            journal.say(f"  {text}")
            last_line = time.monotonic()
        time.sleep(POLL_SECONDS)
    raise DevclusterError(f"the job did not end within {duration(timeout)}")


def condition(status: Status, kind: str) -> dict[str, Any]:
    """A condition of the job; empty when it is not there."""
    return next((entry for entry in status.get("conditions", []) if entry["type"] == kind), {})


def has_ended(status: Status) -> bool:
    """Whether the job succeeded or failed for good."""
    return condition(status, "Succeeded").get("status") in ("True", "False")


def seconds_after(status: Status, stage: str) -> float:
    """From the end of a stage to that of the last one."""
    ends = {each["name"]: each["completionTime"] for each in status.get("stages", []) if each.get("completionTime")}
    first, last = (datetime.fromisoformat(text) for text in (ends[stage], max(ends.values())))
    return (last - first).total_seconds()


def ended_stages(status: Status) -> list[str]:
    """A line for each stage that has ended."""
    marks = {"Succeeded": "✓", "Failed": "✗"}
    return [
        f"  {marks[stage['state']]} {stage['name']}: {stage.get('message') or stage['state'].lower()}"
        for stage in status.get("stages", [])
        if stage["state"] in marks
    ]


def summary(status: Status) -> str:
    """What the job is doing, in one line."""
    progress = status.get("progress") or {}
    parts = [f"{progress.get('percent', 0):3d} %", status.get("stage") or "waiting"]
    if progress.get("step") is not None:
        total = progress.get("totalSteps")
        parts.append(f"step {progress['step']}" + (f" of {total}" if total else ""))
    elif progress.get("message"):
        parts.append(progress["message"])
    if progress.get("loss") is not None:
        parts.append(f"loss {float(progress['loss']):.4f}")
    if progress.get("psnr") is not None:
        parts.append(f"PSNR {float(progress['psnr']):.1f} dB")
    if progress.get("memoryBytes"):
        parts.append(f"{progress['memoryBytes'] / 1e9:.1f} GB")
    if progress.get("etaSeconds") is not None:
        parts.append(f"{duration(progress['etaSeconds'])} left")
    return " · ".join(parts)
