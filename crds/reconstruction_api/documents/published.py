"""What tells readers of a destination what is there, and the job where it has been published.

Below the prefix of `spec.destination` each published set of results has a folder of its own. Its `manifest.json` is
written last: where there is one, the set is whole. `latest.json`, beside the folders, leads to the newest of them.
"""

from __future__ import annotations

from typing import Final

from pydantic import Field

from ..stage_table import BY_NAME, StageName
from .base import Document

FILE: Final = BY_NAME[StageName.PUBLISH].document


class PublishedJob(Document):
    """The job that the results are of."""

    namespace: str
    name: str
    uid: str = ""
    """Empty where the job was run without a cluster."""


class LatestDocument(Document):
    """`latest.json`: which set is the newest. Small, and replaced as a whole."""

    set: str
    """Folder of the set, beside this file."""
    manifest: str
    """Path of its manifest, relative to this file."""
    manifest_sha256: str
    job: PublishedJob
    made: str
    """When the results were made, RFC 3339 in UTC. The set of an earlier time never replaces one of a later."""
    published: str
    """When they were published."""


class PublishedFile(Document):
    """A file of the published set."""

    name: str
    format: str
    uri: str
    """Where readers find it."""
    size_bytes: int
    sha256: str
    media_type: str


class PublishedDocument(Document):
    """`publish/published.json` in the workspace. No secrets, no signatures."""

    set: str
    location: str
    """Prefix of the set in the destination."""
    files: list[PublishedFile] = Field(default_factory=list[PublishedFile])
    """All of them, the manifest included."""
