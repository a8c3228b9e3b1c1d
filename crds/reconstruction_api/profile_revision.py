"""The profile that a job was accepted with, as a ControllerRevision keeps it: stored once, known by its digest.

Whoever may write in a namespace may replace the object there. So the digest in the job's status decides, which the
operator alone writes: content that does not fit is as good as gone.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final, cast

from pydantic import ValidationError

from .status import ProfileRevision, ProfileSnapshot

_MEMBER: Final = "profile"
"""Of a ControllerRevision's data."""


def digest_of(snapshot: ProfileSnapshot) -> str:
    """SHA-256 of the content, in hexadecimal digits."""
    text = json.dumps(_content(snapshot), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def data_of(snapshot: ProfileSnapshot) -> dict[str, Any]:
    """`data` of the ControllerRevision."""
    return {_MEMBER: _content(snapshot)}


def snapshot_in(document: dict[str, Any], digest: str) -> ProfileSnapshot | None:
    """The profile in a ControllerRevision; None where its content is not the one of this digest."""
    data = document.get("data")
    content = cast(dict[str, Any], data).get(_MEMBER) if isinstance(data, dict) else None
    try:
        snapshot = ProfileSnapshot.model_validate(content)
    except ValidationError:
        return None
    return snapshot if digest_of(snapshot) == digest else None


def reference_to(snapshot: ProfileSnapshot, name: str) -> ProfileRevision:
    """What status says of a profile that the ControllerRevision `name` holds."""
    return ProfileRevision(
        kind=snapshot.kind,
        name=snapshot.name,
        generation=snapshot.generation,
        revision=name,
        digest=digest_of(snapshot),
    )


def _content(snapshot: ProfileSnapshot) -> dict[str, Any]:
    return snapshot.model_dump(mode="json", by_alias=True)
