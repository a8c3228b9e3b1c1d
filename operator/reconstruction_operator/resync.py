"""Lists the jobs again now and then, and puts right what kopf's watch has missed."""

from __future__ import annotations

import logging
from collections.abc import Callable

from reconstruction_api.names import JOB_PLURAL

from .causes import Cause, cause_of_job
from .kube import Kube
from .model import JobKey
from .paths import API, listings
from .store import Store, key_of

_log = logging.getLogger(__name__)


async def resync(
    kube: Kube, store: Store, namespaces: tuple[str, ...], enqueue: Callable[[JobKey, Cause], None]
) -> int:
    """The number of jobs whose change or deletion had not been seen."""
    corrected: list[tuple[JobKey | None, Cause]] = []
    before, listed = store.present_jobs(), set[str]()
    for path in listings(API, JOB_PLURAL, namespaces):
        async for item in kube.list(path):
            listed.add(item["metadata"]["uid"])
            cause = cause_of_job(store.jobs.get(key_of(item)), item)
            corrected.append((store.see_job(item), cause))
    corrected.extend((store.forget_job(stub), Cause.CHANGED) for uid, stub in before.items() if uid not in listed)
    found = [(key, cause) for key, cause in corrected if key is not None]
    for key, cause in found:
        enqueue(key, cause)
    if found:
        _log.warning("changes that no watch had reported", extra={"count": len(found)})
    return len(found)
