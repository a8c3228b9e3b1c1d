"""What the operator watches: kopf the custom resources, informers their children.

Whatever is seen is only recorded in the store, and the job it concerns put into the queue.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import aiohttp

from reconstruction_api.names import CLUSTER_PROFILE_PLURAL, JOB_PLURAL, LABEL_JOB, PROFILE_PLURAL

from .causes import Cause, cause_of_job
from .custom_resources import CustomResources, Handlers
from .head_start import jobs_that_go_on
from .informer import Informer, Kind
from .kube import ApiError, Document, Kube
from .model import JobKey
from .namespaces import EVERYWHERE, Namespaces
from .paths import API, listing
from .queue import JobQueue
from .relisting import gone
from .resync import list_jobs
from .store import Store, key_of, parse_child_job, parse_claim, parse_pod

_log = logging.getLogger(__name__)

_PAUSE_SECONDS = 1.0


class Watching:
    """Connects what follows the custom resources, and the informers, with a store and a queue.

    A namespace is *active* while everything in it is known and followed. One that can't be served is left out, and
    comes back when it can.
    """

    def __init__(
        self, kube: Kube, store: Store, queue: JobQueue, custom: CustomResources, namespaces: tuple[str, ...],
        is_at_rest: Callable[[JobKey], bool] = lambda _: False,
    ):  # fmt: skip
        """`is_at_rest` takes note of a job that needs no decision."""
        self._kube = kube
        self._store = store
        self._queue = queue
        self._custom = custom
        self._is_at_rest = is_at_rest
        self._kinds = kinds = _child_kinds(store)
        listed = tuple(f"{base}/namespaces/{{namespace}}/{kind.plural}" for kind, base in kinds)
        self.namespaces = Namespaces(kube, namespaces, listed)
        self._watched = self.namespaces.names or (EVERYWHERE,)
        self._active: dict[str, asyncio.Event] = {namespace: asyncio.Event() for namespace in self._watched}
        self.ready = asyncio.Event()
        """Set when all children have been listed, in every namespace that can be served, and jobs are followed."""
        self.begun = asyncio.Event()
        """Set when decisions can be made about the first jobs."""
        self._found: dict[JobKey, Cause] = {}
        """What was listed before decisions could be made about it."""
        self._early: set[JobKey] = set()
        """Jobs that are known with all that is theirs, although not everything is."""
        self.informers = [
            Informer(
                kube,
                listing(base, kind.plural, namespace),
                LABEL_JOB,
                kind,
                self._observe_child,
                namespace,
                self._looks_into(namespace),
            )
            for kind, base in kinds
            for namespace in self._watched
        ]

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until `stop` is set or a signal arrives.

        Children and profiles are known before the first job is: only then a missing child means that there is none.
        """
        self._store.slots.close()
        await self._begin_early()
        async with asyncio.TaskGroup() as tasks:
            following = [tasks.create_task(self.namespaces.run()), tasks.create_task(self._catch_up())]
            following += [tasks.create_task(self._serve(namespace)) for namespace in self._watched]
            for namespace in self._watched:
                await _first(self._active[namespace].wait(), self.namespaces.until(namespace, served=False))
            await self._custom.follow(self._handlers(), self.ready, stop)
            for task in following:
                task.cancel()

    def active(self) -> list[str]:
        """The namespaces that are served now; EVERYWHERE alone for the whole cluster."""
        return [namespace for namespace, active in self._active.items() if active.is_set()]

    def knows(self, key: JobKey) -> bool:
        """Whether decisions about the job can be made now."""
        if key in self._early:
            return True
        served = EVERYWHERE in self._active or (key.namespace in self._active and self._active[key.namespace].is_set())
        return served and self.ready.is_set()

    def quiet_seconds(self) -> float:
        """Since when the quietest watch of a namespace that is served has heard nothing."""
        heard = [informer.heard for informer in self.informers if self._active[informer.namespace].is_set()]
        return time.monotonic() - min(heard) if heard else 0.0

    async def list_profiles(self, namespaces: Iterable[str]) -> None:
        """Profiles are few: those of the cluster and of these namespaces are read as a whole."""
        await self._list_profiles(f"{API}/{CLUSTER_PROFILE_PLURAL}", lambda namespace: namespace == "")
        for place in namespaces:
            await self._list_profiles(
                listing(API, PROFILE_PLURAL, place),
                lambda namespace, place=place: namespace != "" and place in (EVERYWHERE, namespace),
            )

    async def _list_profiles(self, path: str, is_there: Callable[[str], bool]) -> None:
        """`is_there` says whether the objects of a namespace are among those listed."""
        before, listed, version = self._store.present_profiles(), set[str](), ""
        async for page in self._kube.pages(path):
            version = page["metadata"]["resourceVersion"]
            for item in page.get("items", []):
                listed.add(item["metadata"]["uid"])
                self._observe_profile(item)
        for stub in gone(self._store.present_profiles(), listed, version, before):
            if is_there(stub["metadata"]["namespace"]):
                self._forget_profile(stub)

    async def _begin_early(self) -> None:
        """Unfinished jobs, before everything else is listed. From here on the queue works."""
        try:
            await self.list_profiles(self._watched)
            for job in await jobs_that_go_on(self._kube, self._watched, self._kinds):
                self._early.add(key_of(job))
                self._observe_job(job)
        except (ApiError, aiohttp.ClientError, TimeoutError, OSError) as error:
            _log.info("profiles are listed later: %s", error)
        self.begun.set()

    async def _catch_up(self) -> None:
        """Look at everything that no decision could be made about until now."""
        await self.ready.wait()
        self._early.clear()
        self._store.slots.open()
        self._look_at(EVERYWHERE)

    async def _serve(self, namespace: str) -> None:
        """Follow what is in a namespace for as long as that can be done."""
        informers = [informer for informer in self.informers if informer.namespace == namespace]
        while True:
            await self.namespaces.until(namespace, served=True)
            for informer in informers:
                informer.begin_anew()
            async with asyncio.TaskGroup() as tasks:
                working = [tasks.create_task(informer.run()) for informer in informers]
                working.append(tasks.create_task(self._activate(namespace, informers)))
                await self.namespaces.until(namespace, served=False)
                for task in working:
                    task.cancel()
            await self._leave(namespace)

    async def _activate(self, namespace: str, informers: list[Informer]) -> None:
        for informer in informers:
            await informer.synced.wait()
        await self._persist(namespace, lambda: self.list_profiles([namespace]))
        await self._persist(namespace, lambda: self._list_jobs(namespace))
        self._active[namespace].set()
        await self._follow(namespace, True)
        if self.ready.is_set():
            self._look_at(namespace)

    async def _leave(self, namespace: str) -> None:
        """Of a namespace that may only not be listed, all is remembered: its pods may run on, and hold their slots."""
        self._active[namespace].clear()
        await self._follow(namespace, False)
        if self.namespaces.is_gone(namespace):
            for forget, present in _remembered(self._store):
                for stub in present.values():
                    if stub["metadata"]["namespace"] == namespace:
                        self._enqueue(forget(stub), Cause.ROUTINE)
        for key in self._jobs_in(namespace):
            self._queue.add(key, Cause.ROUTINE)

    async def _follow(self, namespace: str, wanted: bool) -> None:
        if namespace != EVERYWHERE:
            await self._custom.watch(namespace, wanted)

    async def _persist(self, namespace: str, work: Callable[[], Awaitable[None]]) -> None:
        """Until it is done. Whether the namespace has to be left out is found out elsewhere."""
        while True:
            try:
                return await work()
            except (ApiError, aiohttp.ClientError, TimeoutError, OSError) as error:
                if not self.namespaces.suspect(namespace, error):
                    _log.warning("a listing failed: %s", error, extra={"namespace": namespace})
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _list_jobs(self, namespace: str) -> None:
        """Who holds a slot must be known before the first one is given away; kopf shows one job after the other, of
        ten thousand more slowly than they are decided about, and of none that went away while the namespace was not
        served."""
        self._found |= dict(await list_jobs(self._kube, self._store, namespace))

    def _jobs_in(self, namespace: str) -> list[JobKey]:
        return [key for key in self._store.jobs if key.namespace == namespace]

    def _look_at(self, namespace: str) -> None:
        """All jobs there, as urgently as their listing has shown; of those at rest it is enough to know that."""
        keys = [key for key in {**self._store.jobs, **self._found} if namespace in (EVERYWHERE, key.namespace)]
        for key in keys:
            cause = self._found.pop(key, Cause.ROUTINE)
            if cause is not Cause.ROUTINE or not self._is_at_rest(key):
                self._queue.add(key, cause)

    def _looks_into(self, namespace: str) -> Callable[[Exception], bool]:
        return lambda error: self.namespaces.suspect(namespace, error)

    def _observe_child(self, key: JobKey, cause: Cause) -> None:
        """What the first listing has of jobs that are not known yet is no reason for a look: they will be one."""
        if cause is not Cause.ROUTINE or key in self._store.jobs:
            self._queue.add(key, cause)

    def _observe_job(self, document: Document) -> None:
        key = key_of(document)
        before, beside = self._store.jobs.get(key), self._store.published_prefixes.after(key)
        self._enqueue(self._store.observe_job(document), cause_of_job(before, document))
        if before is not None and self._store.jobs[key].destination != before.destination:
            self._enqueue(list(beside), Cause.STARTING)

    def _forget_job(self, document: Document) -> None:
        beside = self._store.published_prefixes.after(key_of(document))
        self._enqueue(self._store.forget_job(document), Cause.CHANGED)
        self._enqueue(list(beside), Cause.STARTING)

    def _handlers(self) -> dict[str, Handlers]:
        profiles = Handlers(self._observe_profile, self._forget_profile)
        return {
            JOB_PLURAL: Handlers(self._observe_job, self._forget_job),
            PROFILE_PLURAL: profiles,
            CLUSTER_PROFILE_PLURAL: profiles,
        }

    def _observe_profile(self, document: Document) -> None:
        self._enqueue(self._store.observe_profile(document), Cause.OBSERVED)

    def _forget_profile(self, document: Document) -> None:
        self._enqueue(self._store.forget_profile(document), Cause.OBSERVED)

    def _enqueue(self, keys: JobKey | list[JobKey] | None, cause: Cause) -> None:
        for key in keys if isinstance(keys, list) else [keys]:
            if key is not None:
                self._queue.add(key, cause)


def _child_kinds(store: Store) -> list[tuple[Kind, str]]:
    """Each kind with the address of its API."""
    return [
        (
            Kind("jobs", parse_child_job, store.upsert_child_job, store.forget_child_job, store.present_child_jobs),
            "/apis/batch/v1",
        ),
        (Kind("pods", parse_pod, store.upsert_pod, store.forget_pod, store.present_pods), "/api/v1"),
        (
            Kind("persistentvolumeclaims", parse_claim, store.upsert_claim, store.forget_claim, store.present_claims),
            "/api/v1",
        ),
    ]


def _remembered(store: Store) -> list[tuple[Callable[[Document], Any], dict[str, Document]]]:
    """All that is remembered of namespaces, each kind with what forgets it."""
    return [
        (store.forget_child_job, store.present_child_jobs()),
        (store.forget_pod, store.present_pods()),
        (store.forget_claim, store.present_claims()),
        (store.forget_job, store.present_jobs()),
        (store.forget_profile, store.present_profiles()),
    ]


async def _first(*awaited: Awaitable[Any]) -> None:
    """Returns when one of them is done; the others are cancelled."""
    tasks = [asyncio.ensure_future(each) for each in awaited]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
