"""kopf watches; what it sees goes into the store, and the job it concerns into the queue.

The handlers only record: kopf's indexing callbacks are called for every version of every object, and its event handlers
not before all kinds have been listed once, which is what opens the queue. No finalizers, no annotations, no peering.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import kopf
from kubernetes.aio.client import Configuration

from reconstruction_api.names import (
    CLUSTER_PROFILE_PLURAL,
    GROUP,
    JOB_PLURAL,
    LABEL_JOB,
    PROFILE_PLURAL,
    VERSION,
)

from .model import JobKey
from .queue import JobQueue
from .store import Document, Store

JOBS = (GROUP, VERSION, JOB_PLURAL)
PROFILES = (GROUP, VERSION, PROFILE_PLURAL)
CLUSTER_PROFILES = (GROUP, VERSION, CLUSTER_PROFILE_PLURAL)
CHILD_JOBS = ("batch", "v1", "jobs")
PODS = ("", "v1", "pods")
CLAIMS = ("", "v1", "persistentvolumeclaims")
_CHILDREN = (CHILD_JOBS, PODS, CLAIMS)

See = Callable[[Document], JobKey | list[JobKey] | None]


class Watching:
    """Connects kopf with a store and a queue."""

    def __init__(self, store: Store, queue: JobQueue, configuration: Configuration):
        self._queue = queue
        self._configuration = configuration
        self.listed = asyncio.Event()
        """Set when all kinds have been seen once: only then a missing object means that it does not exist."""
        self.registry = kopf.OperatorRegistry()
        kopf.on.login(registry=self.registry)(self._login)
        self._watch(JOBS, store.see_job, store.forget_job)
        self._watch(PROFILES, store.see_profile, store.forget_profile)
        self._watch(CLUSTER_PROFILES, store.see_profile, store.forget_profile)
        self._watch(CHILD_JOBS, store.see_child_job, store.forget_child_job)
        self._watch(PODS, store.see_pod, store.forget_pod)
        self._watch(CLAIMS, store.see_claim, store.forget_claim)

    async def run(self, namespaces: tuple[str, ...], stop: asyncio.Event, ready: asyncio.Event) -> None:
        """Watch until `stop` is set or a signal arrives."""
        await kopf.operator(
            registry=self.registry,
            settings=_settings(),
            clusterwide=not namespaces,
            namespaces=namespaces,
            standalone=True,
            stop_flag=stop,
            ready_flag=ready,
        )

    def _watch(self, resource: tuple[str, str, str], see: See, forget: See) -> None:
        async def upserted(body: kopf.Body, **_: Any) -> None:
            self._enqueue(see(dict(body)))

        async def happened(event: kopf.RawEvent, **_: Any) -> None:
            self.listed.set()
            if event["type"] == "DELETED":
                self._enqueue(forget(dict(event["object"])))

        def matters(event: kopf.RawEvent, **_: Any) -> bool:
            return resource not in _CHILDREN or event["type"] == "DELETED"

        group, version, plural = resource
        selector = {"group": group, "version": version, "plural": plural, "registry": self.registry}
        kopf.index(id=f"see-{plural}", **selector)(upserted)
        kopf.on.event(id=f"event-{plural}", when=matters, **selector)(happened)

    def _enqueue(self, keys: JobKey | list[JobKey] | None) -> None:
        for key in keys if isinstance(keys, list) else [keys]:
            if key is not None:
                self._queue.add(key)

    async def _login(self, **_: Any) -> kopf.ConnectionInfo:
        """The official client's credentials, read again whenever the API server refuses the old ones."""
        header = await self._configuration.get_api_key_with_prefix("BearerToken") or ""
        return kopf.ConnectionInfo(
            server=self._configuration.host,
            ca_path=self._configuration.ssl_ca_cert,
            insecure=not self._configuration.verify_ssl,
            scheme="Bearer" if header else None,
            token=header.split(" ", 1)[-1] or None,
            certificate_path=self._configuration.cert_file,
            private_key_path=self._configuration.key_file,
        )


class _NoDiffBase(kopf.DiffBaseStorage):
    """kopf compares each object with its last handled state, for handlers of a kind that is not used here."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        return None


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.persistence.diffbase_storage = _NoDiffBase()
    settings.watching.chunk_size = 500
    for resource in _CHILDREN:
        settings.watching.label_selectors[resource] = LABEL_JOB
    return settings
