"""When to try again after an attempt ended early."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from reconstruction_api.job import RetryPolicy
from reconstruction_api.status import ClassRun
from reconstruction_api.worker import Failure

from ...manifests.child_names import child_job_name
from ...model import JobView
from ...times import format_time

_LONGEST_BACKOFF_SECONDS = 600.0
_LONGEST_INTERRUPTION_BACKOFF_SECONDS = 60.0
_JITTER = 0.1


def after_failure(
    job: JobView, run: ClassRun, failure: Failure, policy: RetryPolicy, now: datetime
) -> tuple[ClassRun, bool]:
    """The run after a failed attempt, and whether there is another attempt."""
    failures = run.failures + 1
    counted = run.model_copy(update={"failures": failures, "trouble": f"{failure.code}: {failure.message}"})
    if not failure.retryable or failures >= policy.max_attempts:
        return counted.model_copy(update={"ended": True}), False
    wait = backoff(policy.backoff_seconds, failures, _LONGEST_BACKOFF_SECONDS, run.job_name)
    return next_attempt(job, counted, now + wait), True


def after_interruption(job: JobView, run: ClassRun, why: str, now: datetime) -> ClassRun:
    """The first interruption is resumed at once; a pod that is stopped again and again waits longer each time."""
    interruptions = run.interruptions + 1
    not_before = None
    if run.interruptions:
        not_before = now + backoff(1, run.interruptions, _LONGEST_INTERRUPTION_BACKOFF_SECONDS, run.job_name)
    return next_attempt(job, run.model_copy(update={"interruptions": interruptions, "trouble": why}), not_before)


def next_attempt(job: JobView, run: ClassRun, not_before: datetime | None) -> ClassRun:
    """The same class once more, under a new child Job's name."""
    attempt = run.attempt + 1
    return run.model_copy(
        update={
            "attempt": attempt,
            "job_name": child_job_name(job.key.name, job.uid, run.resource_class, run.digest, attempt),
            "retry_after": format_time(not_before + timedelta(microseconds=999_999)) if not_before else None,
        }
    )


def backoff(base_seconds: float, count: int, longest: float, seed: str) -> timedelta:
    """`base * 2^(count-1)`, at most `longest`, spread by a tenth; the same for the same seed, so that deciding twice
    gives the same answer."""
    share = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4], "big") / 2**32
    seconds = min(base_seconds * 2.0 ** min(count - 1, 32), longest)
    return timedelta(seconds=seconds * (1 + _JITTER * (2 * share - 1)))
