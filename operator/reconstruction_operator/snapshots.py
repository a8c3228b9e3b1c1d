"""Profiles as jobs were accepted with them, known by the digests in their statuses.

Nearly always a profile is still what it was, and nothing has to be read. Otherwise the job's ControllerRevision is,
once for all jobs that were accepted with the same content.
"""

from __future__ import annotations

from collections import OrderedDict

from reconstruction_api.profile_revision import digest_of, snapshot_in
from reconstruction_api.status import ProfileSnapshot

from . import paths
from .kube import ApiError, Kube
from .model import JobKey, ProfileReference
from .policies.control.accept import snapshot
from .store import Store

_MOST = 256
"""Contents that are kept at the same time."""


class Snapshots:
    """Nothing in it matters beyond the life of the process."""

    def __init__(self, kube: Kube, store: Store):
        self._kube = kube
        self._store = store
        self._known: OrderedDict[str, ProfileSnapshot] = OrderedDict()
        self._lost: dict[JobKey, ProfileReference] = {}

    def get(self, key: JobKey) -> ProfileSnapshot | None:
        """What the job's status refers to, after `fetch`."""
        reference = self._reference(key)
        return self._known.get(reference.digest) if reference is not None else None

    async def fetch(self, key: JobKey) -> None:
        """Make known what the job's status refers to. Where it can't be had any more, or the object has been replaced
        by another, it stays unknown. Raises ApiError and connection errors: then nothing is known of it yet."""
        reference = self._reference(key)
        if reference is None or self._lost.get(key) == reference:
            return
        if reference.digest in self._known:
            self._known.move_to_end(reference.digest)
            return
        found = self._present(key, reference.digest) or await self._stored(key, reference)
        if found is None:
            self._lost[key] = reference
            return
        self._known[reference.digest] = found
        while len(self._known) > _MOST:
            self._known.popitem(last=False)

    def forget(self, key: JobKey) -> None:
        self._lost.pop(key, None)

    def _reference(self, key: JobKey) -> ProfileReference | None:
        stored = self._store.jobs.get(key)
        return stored.reference if stored is not None and not stored.foreign else None

    def _present(self, key: JobKey, digest: str) -> ProfileSnapshot | None:
        """The profile as it is now, if it is still the same."""
        pinned = self._store.jobs[key].pinned
        view = self._store.profiles.get(pinned) if pinned is not None else None
        now = snapshot(view) if view is not None else None
        return now if now is not None and digest_of(now) == digest else None

    async def _stored(self, key: JobKey, reference: ProfileReference) -> ProfileSnapshot | None:
        try:
            document = await self._kube.get(f"{paths.revisions(key.namespace)}/{reference.revision}")
        except ApiError as error:
            if not error.not_found:
                raise
            return None
        return snapshot_in(document, reference.digest)
