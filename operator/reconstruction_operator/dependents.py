"""Jobs that build on others: fetches the others where no watch has shown them, and wakes the dependents of a job that
has come further."""

from __future__ import annotations

from collections.abc import Callable

from . import paths
from .causes import Cause
from .kube import ApiError, Kube
from .model import JobKey, UpstreamJob
from .observe import job_view
from .store import Store
from .upstream_job import upstream_chain, upstream_job_of


class Dependents:
    """Nothing in it matters beyond the life of the process."""

    def __init__(self, kube: Kube, store: Store, wake: Callable[[JobKey, Cause], None]):
        self._kube = kube
        self._store = store
        self._wake = wake
        self._announced: dict[JobKey, UpstreamJob | None] = {}

    async def fetch_upstream(self, key: JobKey) -> None:
        """Ask the API server for jobs that this one builds on and that no watch has shown yet: only then they count
        as missing. A job that has ended needs no other."""
        while (chain := upstream_chain(self._store, key)) and chain[-1] not in self._store.jobs:
            if job_view(self._store.jobs[key]).status.completion_time is not None:
                return
            try:
                document = await self._kube.get(paths.job(chain[-1]))
            except ApiError as error:
                if not error.not_found:
                    raise
                return
            self._store.observe_job(document)
            self._wake(chain[-1], Cause.STARTING)

    def wake(self, key: JobKey) -> None:
        """After a look at a job, or when it is gone: wakes its dependents where what they see of it has changed."""
        dependents = self._store.dependents(key)
        if not dependents:
            self._announced.pop(key, None)
            return
        stored = self._store.jobs.get(key)
        seen = upstream_job_of(job_view(stored)) if stored is not None else None
        if key not in self._announced or self._announced[key] != seen:
            self._announced[key] = seen
            for dependent in dependents:
                self._wake(dependent, Cause.STARTING)
