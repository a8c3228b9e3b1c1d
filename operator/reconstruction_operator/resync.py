"""Lists everything again now and then, and puts right what the watches have missed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from reconstruction_api.names import (
    CLUSTER_PROFILE_PLURAL,
    JOB_PLURAL,
    LABEL_JOB,
    PROFILE_PLURAL,
)

from .kube import Kube
from .model import JobKey
from .paths import API
from .store import Store

_log = logging.getLogger(__name__)


async def resync(kube: Kube, store: Store, namespaces: tuple[str, ...], enqueue: Callable[[JobKey], None]) -> int:
    """The number of changes that had not been seen."""
    corrections = 0
    forget = {
        JOB_PLURAL: store.forget_job,
        "jobs": store.forget_child_job,
        "pods": store.forget_pod,
        "persistentvolumeclaims": store.forget_claim,
    }
    see = {
        JOB_PLURAL: store.see_job,
        "jobs": store.see_child_job,
        "pods": store.see_pod,
        "persistentvolumeclaims": store.see_claim,
    }
    for plural in forget:
        before = store.present(plural)
        listed: set[str] = set()
        for path in _paths(plural, namespaces):
            async for item in kube.list(path, "" if plural == JOB_PLURAL else LABEL_JOB):
                listed.add(item["metadata"]["uid"])
                corrections += _noted(see[plural](item), enqueue)
        for uid, stub in before.items():
            if uid not in listed:
                corrections += _noted(forget[plural](stub), enqueue)
    await _profiles(kube, store, namespaces)
    if corrections:
        _log.warning("changes that no watch had reported", extra={"count": corrections})
    return corrections


async def _profiles(kube: Kube, store: Store, namespaces: tuple[str, ...]) -> None:
    """Profiles are few; jobs that wait for one are looked at by their own schedule."""
    found: set[tuple[str, str]] = set()
    for path in [*_paths(PROFILE_PLURAL, namespaces), f"{API}/{CLUSTER_PROFILE_PLURAL}"]:
        async for item in kube.list(path):
            store.see_profile(item)
            found.add((item["metadata"].get("namespace", ""), item["metadata"]["name"]))
    for place in set(store.profiles) - found:
        del store.profiles[place]


def _noted(key: JobKey | None, enqueue: Callable[[JobKey], None]) -> int:
    if key is None:
        return 0
    enqueue(key)
    return 1


def _paths(plural: str, namespaces: tuple[str, ...]) -> Iterator[str]:
    base = {"jobs": "/apis/batch/v1", "pods": "/api/v1", "persistentvolumeclaims": "/api/v1"}.get(plural, API)
    if not namespaces:
        yield f"{base}/{plural}"
    for namespace in namespaces:
        yield f"{base}/namespaces/{namespace}/{plural}"
