"""What the operator watches: kopf the custom resources, informers their children.

The handlers only record what they see in the store, and put the job it concerns into the queue. kopf leaves no trace of
its own on the objects: no finalizers, no annotations, no peering; a namespace that is deleted is never stuck.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import kopf

from reconstruction_api.names import (
    CLUSTER_PROFILE_PLURAL,
    GROUP,
    JOB_PLURAL,
    LABEL_JOB,
    PROFILE_PLURAL,
    VERSION,
)

from .causes import Cause, cause_of_job
from .informer import Informer, Kind
from .kube import Document, Kube
from .model import JobKey
from .official import Configuration
from .paths import API, listings
from .queue import JobQueue
from .store import Store, key_of, sight_child_job, sight_claim, sight_pod

See = Callable[[Document], None]


class Watching:
    """Connects kopf and the informers with a store and a queue."""

    def __init__(
        self, kube: Kube, store: Store, queue: JobQueue, configuration: Configuration, namespaces: tuple[str, ...]
    ):
        self._kube = kube
        self._store = store
        self._queue = queue
        self._configuration = configuration
        self._namespaces = namespaces
        self.ready = asyncio.Event()
        """Set when all children have been listed and kopf has started."""
        self.informers = [
            Informer(kube, path, LABEL_JOB, kind, queue.add, namespace)
            for kind, base in _child_kinds(store)
            for namespace, path in zip(namespaces or ("",), listings(base, kind.plural, namespaces), strict=True)
        ]

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until `stop` is set or a signal arrives.

        Children and profiles are known before the first job is: only then a missing child means that there is none.
        """
        async with asyncio.TaskGroup() as tasks:
            following = [tasks.create_task(informer.run()) for informer in self.informers]
            for informer in self.informers:
                await informer.synced.wait()
            await self.list_profiles()
            if self._store.slots.limited:
                await self._list_jobs()
            await kopf.operator(
                registry=self._registry(),
                settings=_settings(),
                clusterwide=not self._namespaces,
                namespaces=self._namespaces,
                standalone=True,
                stop_flag=stop,
                ready_flag=self.ready,
            )
            for task in following:
                task.cancel()

    def quiet_seconds(self) -> float:
        """Since when the quietest watch has heard nothing."""
        return time.monotonic() - min(informer.heard for informer in self.informers)

    async def list_profiles(self) -> None:
        """Profiles are few: they are read as a whole."""
        found: set[tuple[str, str]] = set()
        paths = [*listings(API, PROFILE_PLURAL, self._namespaces), f"{API}/{CLUSTER_PROFILE_PLURAL}"]
        for path in paths:
            async for item in self._kube.list(path):
                self._see_profile(item)
                found.add((item["metadata"].get("namespace", ""), item["metadata"]["name"]))
        for namespace, name in set(self._store.profiles) - found:
            self._forget_profile({"metadata": {"namespace": namespace, "name": name}})

    async def _list_jobs(self) -> None:
        """Who holds a slot must be known before the first one is given away; kopf tells of one job after the other."""
        for path in listings(API, JOB_PLURAL, self._namespaces):
            async for item in self._kube.list(path):
                self._see_job(item)

    def _see_job(self, document: Document) -> None:
        cause = cause_of_job(self._store.jobs.get(key_of(document)), document)
        self._enqueue(self._store.see_job(document), cause)

    def _forget_job(self, document: Document) -> None:
        self._enqueue(self._store.forget_job(document), Cause.CHANGED)

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()
        kopf.on.login(registry=registry)(self._login)
        self._handle(registry, JOB_PLURAL, self._see_job, self._forget_job)
        for plural in (PROFILE_PLURAL, CLUSTER_PROFILE_PLURAL):
            self._handle(registry, plural, self._see_profile, self._forget_profile)
        return registry

    def _see_profile(self, document: Document) -> None:
        self._enqueue(self._store.see_profile(document), Cause.OBSERVED)

    def _forget_profile(self, document: Document) -> None:
        self._enqueue(self._store.forget_profile(document), Cause.OBSERVED)

    @staticmethod
    def _handle(registry: kopf.OperatorRegistry, plural: str, see: See, forget: See) -> None:
        async def happened(event: kopf.RawEvent, **_: Any) -> None:
            document = dict(event["object"])
            (forget if event["type"] == "DELETED" else see)(document)

        kopf.on.event(GROUP, VERSION, plural, id=plural, registry=registry)(happened)

    def _enqueue(self, keys: JobKey | list[JobKey] | None, cause: Cause) -> None:
        for key in keys if isinstance(keys, list) else [keys]:
            if key is not None:
                self._queue.add(key, cause)

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


def _child_kinds(store: Store) -> list[tuple[Kind, str]]:
    """Each kind with the address of its API."""
    return [
        (
            Kind("jobs", sight_child_job, store.take_child_job, store.forget_child_job, store.present_child_jobs),
            "/apis/batch/v1",
        ),
        (Kind("pods", sight_pod, store.take_pod, store.forget_pod, store.present_pods), "/api/v1"),
        (
            Kind("persistentvolumeclaims", sight_claim, store.take_claim, store.forget_claim, store.present_claims),
            "/api/v1",
        ),
    ]


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
    settings.watching.chunk_size = 100
    settings.queueing.idle_timeout = 0.5  # a task that waits for each of ten thousand objects is a lot of memory
    return settings
