"""Names of the objects that belong to a job: the same input always gives the same name, so nothing is created twice."""

from __future__ import annotations

import base64
import hashlib

from reconstruction_api.stages import ResourceClass

_SUFFIX = {ResourceClass.PREPARE: "prep", ResourceClass.RECONSTRUCT: "fit", ResourceClass.DELIVER: "ship"}


def claim_name(job_name: str) -> str:
    """The workspace's volume claim."""
    return f"{job_name}-workspace"


def child_job_name(job_name: str, uid: str, resource_class: ResourceClass, digest: str, attempt: int) -> str:
    """At most 63 characters for a job name of 52."""
    seed = f"{uid}/{resource_class}/{digest}/{attempt}".encode()
    short = base64.b32encode(hashlib.sha256(seed).digest()).decode().lower()[:5]
    return f"{job_name}-{_SUFFIX[resource_class]}-{short}"
