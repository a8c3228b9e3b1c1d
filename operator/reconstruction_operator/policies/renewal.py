"""Whether a changed spec wants something else made, or only says otherwise what becomes of the job."""

from __future__ import annotations

import hashlib

from reconstruction_api.job import ReconstructionJobSpec

from ..model import JobView

_FATE = {"cancellation", "retention", "notifications"}
"""Fields that change no result: a failed job is not run again for them."""


def spec_digest(spec: ReconstructionJobSpec) -> str:
    """`WORK.FATE`: a digest of what is wanted, and one of what is to become of the job."""
    work = spec.model_dump_json(exclude_defaults=True, exclude=_FATE)
    fate = spec.model_dump_json(exclude_defaults=True, include=_FATE)
    return f"{_short(work)}.{_short(fate)}"


def current_digest(job: JobView) -> str | None:
    """Of the spec as it is now; made anew only where the spec has changed."""
    if job.spec is None or job.status.observed_generation == job.generation:
        return job.status.spec_digest
    return spec_digest(job.spec)


def is_renewed(job: JobView) -> bool:
    """The spec has changed since the last decision, and not only in the fields above.

    A change that was undone before anyone looked counts: that is how a failed job is retried as it is.
    """
    if job.status.observed_generation == job.generation:
        return False
    if job.status.spec_digest is None:
        return True
    work, _, fate = (current_digest(job) or "").partition(".")
    old_work, _, old_fate = job.status.spec_digest.partition(".")
    return not work or work != old_work or fate == old_fate


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
