"""Whether a changed spec wants something else made, or only says otherwise what becomes of the job."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from reconstruction_api.baseline import explicit
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stage_table import FATE

from ...model import JobView


def spec_digest(spec: ReconstructionJobSpec) -> str:
    """`WORK.FATE`: a digest of what is wanted, and one of what is to become of the job. Neither changes with a release
    that adds a field, or that makes a field mean something else where it is unset."""
    document = explicit(spec, by_alias=False)
    work = {name: value for name, value in document.items() if name not in FATE}
    fate = {name: value for name, value in document.items() if name in FATE}
    return f"{_short(work)}.{_short(fate)}"


def current_digest(job: JobView) -> str | None:
    """Of the spec as it is now; made again only where the spec has changed."""
    spec = job.written or job.spec
    if spec is None or job.status.observed_generation == job.generation:
        return job.status.spec_digest
    return spec_digest(spec)


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


def _short(document: dict[str, Any]) -> str:
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
