"""Lists the jobs again now and then, and puts right what kopf's watch has missed."""

from __future__ import annotations

import logging
from collections.abc import Callable

from reconstruction_api.names import JOB_PLURAL

from .causes import Cause, cause_of_job
from .kube import Kube
from .model import JobKey
from .paths import API, listing
from .store import Store, key_of

_log = logging.getLogger(__name__)


async def resync(kube: Kube, store: Store, namespace: str, enqueue: Callable[[JobKey, Cause], None]) -> int:
    """The number of jobs of a namespace, or of all without one, whose change or deletion had not been seen."""
    corrected: list[tuple[JobKey | None, Cause]] = []
    before, listed = store.present_jobs(), set[str]()
    async for item in kube.list(listing(API, JOB_PLURAL, namespace)):
        listed.add(item["metadata"]["uid"])
        cause = cause_of_job(store.jobs.get(key_of(item)), item)
        corrected.append((store.observe_job(item), cause))
    for uid, stub in before.items():
        if uid not in listed and (not namespace or namespace == stub["metadata"]["namespace"]):
            corrected.append((store.forget_job(stub), Cause.CHANGED))
    found = [(key, cause) for key, cause in corrected if key is not None]
    for key, cause in found:
        enqueue(key, cause)
    if found:
        _log.warning("changes that no watch had reported", extra={"count": len(found)})
    return len(found)
