"""Lists the jobs again now and then, and puts right what kopf's watch has missed."""

from __future__ import annotations

import logging
from collections.abc import Callable

from reconstruction_api.names import JOB_PLURAL

from .causes import Cause, cause_of_job
from .kube import Kube
from .model import JobKey
from .paths import API, listing
from .relisting import gone
from .rewinds import check_listing
from .store import Store, key_of

_log = logging.getLogger(__name__)


async def resync(kube: Kube, store: Store, namespace: str, enqueue: Callable[[JobKey, Cause], None]) -> int:
    """The number of jobs of a namespace, or of all without one, whose change or deletion had not been seen."""
    found = await list_jobs(kube, store, namespace)
    for key, cause in found:
        enqueue(key, cause)
    if found:
        _log.warning("changes that no watch had reported", extra={"count": len(found)})
    return len(found)


async def list_jobs(kube: Kube, store: Store, namespace: str) -> list[tuple[JobKey, Cause]]:
    """Bring the store up to date with the jobs of a namespace, or with all; those that have changed or are gone. Raises
    Rewound when the API server shows older ones than before."""
    found: list[tuple[JobKey | None, Cause]] = []
    before, listed, version = store.present_jobs(namespace), set[str](), ""
    async for page in kube.pages(listing(API, JOB_PLURAL, namespace)):
        version, items = page["metadata"]["resourceVersion"], page.get("items", [])
        check_listing(JOB_PLURAL, version, {item["metadata"]["uid"]: item for item in items}, before)
        for item in items:
            listed.add(item["metadata"]["uid"])
            cause = cause_of_job(store.jobs.get(key_of(item)), item)
            found.append((store.observe_job(item), cause))
    for stub in gone(store.present_jobs(namespace), listed, version, before):
        found.append((store.forget_job(stub), Cause.CHANGED))
    return [(key, cause) for key, cause in found if key is not None]
