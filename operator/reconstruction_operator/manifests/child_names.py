"""Names of the objects that belong to a job: the same input always gives the same name, so nothing is created twice."""

from __future__ import annotations

import base64
import hashlib

from reconstruction_api.lifecycle import Removal
from reconstruction_api.stages import ResourceClass

_SUFFIX = {ResourceClass.PREPARE: "prep", ResourceClass.RECONSTRUCT: "fit", ResourceClass.DELIVER: "ship"}


def claim_name(job_name: str) -> str:
    """The workspace's volume claim."""
    return f"{job_name}-workspace"


def profile_revision_name(job_name: str, uid: str, digest: str) -> str:
    """The ControllerRevision with the profile of this digest. A job that comes after another one of its name has names
    of its own: the garbage collector may still be at the other's."""
    seed = f"{uid}/{digest}".encode()
    return f"{job_name}-profile-{_short(seed)}"


def child_job_name(job_name: str, uid: str, resource_class: ResourceClass, digest: str, attempt: int) -> str:
    """At most 63 characters for a job name of 52."""
    seed = f"{uid}/{resource_class}/{digest}/{attempt}".encode()
    return f"{job_name}-{_SUFFIX[resource_class]}-{_short(seed)}"


def removal_job_name(job_name: str, uid: str, what: Removal, attempt: int) -> str:
    """The Job that removes something of the ended job."""
    return f"{_removal_prefix(job_name)}{_short(f'{uid}/{what}/{attempt}'.encode())}"


def is_removal(job_name: str, name: str) -> bool:
    """Whether a child Job of the job is one that removes."""
    return name.startswith(_removal_prefix(job_name))


def _removal_prefix(job_name: str) -> str:
    return f"{job_name}-gone-"


def _short(seed: bytes) -> str:
    return base64.b32encode(hashlib.sha256(seed).digest()).decode().lower()[:5]
