"""A ReconstructionJob as the operator remembers it: ten thousand of them fit into memory."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from reconstruction_api.destination import Destination, expanded, location
from reconstruction_api.names import PROFILE_KIND

from .model import JobKey, ProfileReference

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredJob:
    """A ReconstructionJob; spec and status stay JSON, that of an ended job compressed, until a decision needs them."""

    key: JobKey
    uid: str
    generation: int
    resource_version: str
    deleting: bool
    created: str
    spec: str
    status: bytes
    profile_name: str
    pinned: tuple[str, str] | None
    """Namespace and name of the profile in its status."""
    reference: ProfileReference | None = None
    """Where that profile's content is kept, if not in the status."""
    builds_on: str = ""
    """Name of the job whose results it starts from."""
    foreign: bool = False
    """Another installation acts on it, or none does; it is known for the jobs that build on it."""
    destination: str = ""
    """Prefix of its destination; empty where it has none."""
    holder: str = ""
    """The other installation that acts on it although this one would; empty once the job has ended."""


def builds_on(spec: Document) -> str:
    """As in `StoredJob.builds_on`, and so are the following."""
    return ((spec.get("source") or {}).get("jobRef") or {}).get("name") or ""


def destination_of(spec: Document, key: JobKey, uid: str) -> str:
    found: Any = spec.get("destination")
    if not isinstance(found, dict):
        return ""
    try:
        destination = Destination.model_validate(found, extra="ignore")
    except ValidationError:
        return ""
    return expanded(location(destination), namespace=key.namespace, name=key.name, uid=uid)


def pinned_profile(status: Document, namespace: str) -> tuple[str, str] | None:
    snapshot: Any = status.get("profile") or status.get("profileRevision")
    if not isinstance(snapshot, dict) or not snapshot:
        return None
    return namespace if snapshot.get("kind") == PROFILE_KIND else "", str(snapshot.get("name", ""))


def profile_reference(status: Document) -> ProfileReference | None:
    kept: Any = status.get("profileRevision")
    if status.get("profile") or not isinstance(kept, dict):
        return None
    return ProfileReference(str(kept.get("digest", "")), str(kept.get("revision", "")))


def packed(status: Document) -> bytes:
    """A fifth of its size once the job has ended: of ten thousand jobs it would otherwise be a third of all memory. A
    job that has not ended is looked at too often for that."""
    text = orjson.dumps(status)
    return zlib.compress(text, level=1) if status.get("completionTime") else bytes(memoryview(text))


def unpacked(status: bytes) -> bytes:
    """The status as JSON."""
    return zlib.decompress(status) if is_packed(status) else status


def is_packed(status: bytes) -> bool:
    """Whether it is that of a job that has ended."""
    return not status.startswith(b"{")
