"""A published set of results: what belongs to it, what its folder is called, and what readers see of it.

Readers begin with `latest.json`, which names the manifest of a set, which names the files of that set. Both are written
after what they name, so a reader never meets a name before its file; and a set's folder is its own, so what was named
once stays as it was.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from reconstruction_api.destination import WhoOverwrites
from reconstruction_api.documents.published import LatestDocument, PublishedJob
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.formats import LATEST
from reconstruction_api.short_id import short_id
from reconstruction_api.stages import digest

from .sending import LocalFile
from .stores.store import Changed, Headers, Store, Stored

LATEST_HEADERS: Final = Headers("application/json", "no-cache")
YEAR_SECONDS: Final = 31_536_000
_LONGEST: Final = 64 << 10
"""Bytes of a `latest.json` that is read."""


@dataclass(frozen=True, slots=True)
class Publication:
    """A set of a job."""

    job: PublishedJob
    files: tuple[LocalFile, ...]
    """All but the manifest."""
    made: str
    """When the last of them was made, RFC 3339."""
    overwrite: WhoOverwrites

    @property
    def name(self) -> str:
        """Folder of the set: whose it is, when it was made, and a digest of what is in it. The same results of the same
        job give the same name, so that an interrupted publication is taken up where it ended."""
        moment = "".join(mark for mark in self.made if mark.isalnum())
        content = digest([[file.name, file.sha256] for file in self.files])
        return f"{owner_id(self.job)}-{moment}-{content[:12]}"


def owner_id(job: PublishedJob) -> str:
    """How folders of a job's sets begin."""
    return short_id(job.uid) if job.uid else "local"


def set_headers(media_type: str, cache_seconds: int | None) -> Headers:
    """Of a file in a set, which never changes."""
    seconds = YEAR_SECONDS if cache_seconds is None else cache_seconds
    return Headers(media_type, f"max-age={seconds}" + (", immutable" if seconds else ""))


def current_latest(store: Store) -> tuple[Stored | None, LatestDocument | None]:
    """What is at the destination; no document where there is none, or none that can be read."""
    found = store.find(LATEST)
    if found is None or found.size > _LONGEST:
        return found, None
    try:
        return found, LatestDocument.model_validate(json.loads(b"".join(store.read(LATEST))))
    except (ValueError, ValidationError, FileNotFoundError):
        return found, None


def check_latest(there: LatestDocument | None, found: Stored | None, publication: Publication, shown_as: str) -> None:
    """Raises DestinationConflict where `latest.json` must not be replaced by that of the publication."""
    if found is None:
        return
    if there is None:
        if publication.overwrite is not WhoOverwrites.ANYONE:
            raise conflict(f"{LATEST} at {shown_as} is not one of this software, and is left as it is.")
        return
    if not _may_replace(there.job, publication):
        raise conflict(f"results of another job are at {shown_as}, which the profile does not let this one replace.")
    if _moment(there.made) > _moment(publication.made):
        raise conflict(f"newer results are at {shown_as}, made at {there.made}; these were made at {publication.made}.")


def lead_to(store: Store, publication: Publication, manifest_sha256: str, now: str, shown_as: str) -> None:
    """Let `latest.json` name the set, unless it names a newer one. Raises DestinationConflict."""
    manifest = f"{publication.name}/manifest.json"
    for _ in range(5):
        found, there = current_latest(store)
        check_latest(there, found, publication, shown_as)
        if there is not None and (there.set, there.manifest_sha256) == (publication.name, manifest_sha256):
            return
        document = LatestDocument(
            set=publication.name,
            manifest=manifest,
            manifest_sha256=manifest_sha256,
            job=publication.job,
            made=publication.made,
            published=now,
        )
        try:
            store.write(LATEST, as_json(document.data()), LATEST_HEADERS, instead_of=found)
        except Changed:
            continue
        return
    raise conflict(f"others keep writing {LATEST} at {shown_as}.")


def as_json(data: Any) -> bytes:
    """For people and programs."""
    return (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode()


def conflict(what: str) -> ReconstructionError:
    return ReconstructionError("DestinationConflict", f"spec.destination: {what}")


def _may_replace(there: PublishedJob, publication: Publication) -> bool:
    job, who = publication.job, publication.overwrite
    if who is WhoOverwrites.ANYONE:
        return True
    if who is WhoOverwrites.NAME and (there.namespace, there.name) == (job.namespace, job.name):
        return True
    return there == job


def _moment(text: str) -> float:
    """Seconds; of what is no time the beginning of all."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0
