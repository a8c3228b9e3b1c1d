"""Jobs that build on others: makes sure that the others are known, and wakes a job when the one it waits for has come
further."""

from __future__ import annotations

from collections.abc import Callable

from . import paths
from .causes import Cause
from .kube import ApiError, Kube
from .model import JobKey, OtherJob
from .observe import job_view
from .others import chain_of, other_of
from .store import Store


class Chains:
    """Nothing in it matters beyond the life of the process."""

    def __init__(self, kube: Kube, store: Store, wake: Callable[[JobKey, Cause], None]):
        self._kube = kube
        self._store = store
        self._wake = wake
        self._told: dict[JobKey, OtherJob | None] = {}

    async def look_up(self, key: JobKey) -> None:
        """Ask the API server for jobs that this one builds on and that no watch has told of yet: only then they count
        as missing. A job that has ended needs no other."""
        while (chain := chain_of(self._store, key)) and chain[-1] not in self._store.jobs:
            if job_view(self._store.jobs[key]).status.completion_time is not None:
                return
            try:
                document = await self._kube.get(paths.job(chain[-1]))
            except ApiError as error:
                if not error.not_found:
                    raise
                return
            self._store.see_job(document)
            self._wake(chain[-1], Cause.STARTING)

    def tell(self, key: JobKey) -> None:
        """A job was looked at, or is gone."""
        builders = self._store.builders(key)
        if not builders:
            self._told.pop(key, None)
            return
        stored = self._store.jobs.get(key)
        seen = other_of(job_view(stored)) if stored is not None else None
        if key not in self._told or self._told[key] != seen:
            self._told[key] = seen
            for builder in builders:
                self._wake(builder, Cause.STARTING)
