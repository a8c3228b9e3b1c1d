"""What the operator remembers of a listing: all of it at once, or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from reconstruction_api.names import LABEL_JOB, LABEL_JOB_UID
from reconstruction_operator.informer import Informer, Kind
from reconstruction_operator.model import JobKey
from reconstruction_operator.queue import JobQueue
from reconstruction_operator.store import Store, parse_child_job
from reconstruction_operator.watching import Watching

from .builders import KEY, UID


def child(name: str, version: int, namespace: str = KEY.namespace) -> dict[str, Any]:
    marks = {LABEL_JOB: KEY.name, LABEL_JOB_UID: UID}
    metadata = {"namespace": namespace, "name": name, "uid": f"uid-of-{name}", "labels": marks}
    return {"metadata": metadata | {"resourceVersion": str(version)}, "status": {}}


class Server:
    """Lists in pages; `between` is what happens between two of them."""

    def __init__(self, *pages: list[dict[str, Any]]):
        self._pages = pages
        self.version = 9
        self.between: list[Any] = []

    async def pages(self, *_: Any) -> AsyncIterator[dict[str, Any]]:
        for number, items in enumerate(self._pages):
            if number:
                for each in self.between:
                    each()
            yield {"items": items, "metadata": {"resourceVersion": str(self.version)}}


def names(store: Store) -> set[str]:
    return {job.name for job in store.child_jobs(KEY, UID)}


async def listed(store: Store, server: Server, namespace: str = "") -> list[JobKey]:
    told: list[JobKey] = []
    kind = Kind("jobs", parse_child_job, store.upsert_child_job, store.forget_child_job, store.present_child_jobs)
    await Informer(server, "/jobs", LABEL_JOB, kind, lambda key, _: told.append(key), namespace)._list()  # type: ignore[arg-type]
    return told


async def test_no_decision_sees_what_is_gone_beside_what_came_after_it() -> None:
    store, seen = Store(), list[set[str]]()
    store.observe_child_job(child("first", 1))
    server = Server([child("second", 5)], [child("third", 6)])
    server.between.append(lambda: seen.append(names(store)))
    told = await listed(store, server)
    assert seen == [{"first"}]
    assert names(store) == {"second", "third"} and KEY in told


async def test_a_change_that_is_known_before_the_listing_ends_is_not_taken_back() -> None:
    """The answer to an own write is newer than the listing, or of an object that the listing does not have."""
    store = Store()
    store.observe_child_job(child("first", 1))
    server = Server([child("first", 1)], [])
    ended = child("first", 12) | {"status": {"conditions": [{"type": "Failed", "status": "True"}]}}
    server.between += [lambda: store.observe_child_job(ended), lambda: store.observe_child_job(child("new", 11))]
    await listed(store, server)
    assert names(store) == {"first", "new"}
    assert {job.name: job.failed for job in store.child_jobs(KEY, UID)}["first"]


async def test_a_listing_of_one_namespace_says_nothing_of_what_is_in_others() -> None:
    store, elsewhere = Store(), JobKey("archive", KEY.name)
    store.observe_child_job(child("first", 1))
    store.observe_child_job(child("other", 2, elsewhere.namespace))
    assert await listed(store, Server([]), namespace=KEY.namespace) == [KEY]
    assert names(store) == set()
    assert [job.name for job in store.child_jobs(elsewhere, UID)] == ["other"]


@pytest.mark.parametrize("namespaces", [(), ("museum", "archive")])
def test_every_watch_knows_its_namespace(namespaces: tuple[str, ...]) -> None:
    queue = JobQueue(nothing_to_do, 1)
    watching = Watching(None, Store(), queue, None, namespaces)  # type: ignore[arg-type]
    assert len(watching.informers) == 3 * max(1, len(namespaces))
    for informer in watching.informers:
        assert informer.path.rpartition("/")[0].endswith(f"/namespaces/{informer.namespace}" if namespaces else "/v1")
        assert bool(informer.namespace) is bool(namespaces)


async def nothing_to_do(_: JobKey) -> None:
    pass


class FallsSilent(Server):
    """A server whose first watch says nothing any more, and whose second one is too old."""

    def __init__(self) -> None:
        super().__init__([child("first", 1)])
        self.listings = 0
        self.asked: list[str] = []

    async def pages(self, *_: Any) -> AsyncIterator[dict[str, Any]]:
        self.listings += 1
        self.version += 10 * (self.listings - 1)
        async for page in super().pages():
            yield page

    async def request(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {"items": [], "metadata": {"resourceVersion": "14"}}

    async def watch(self, path: str, query: dict[str, str], quiet_seconds: float) -> AsyncIterator[bytes]:
        self.asked.append(query["resourceVersion"])
        if len(self.asked) == 1:
            yield event("ADDED", child("second", 12))
            raise TimeoutError
        if len(self.asked) == 2:
            yield event("ADDED", child("third", 13))
            yield orjson.dumps({"type": "ERROR", "object": {"code": 410, "reason": "Expired", "message": "too old"}})
        await asyncio.Event().wait()


def event(kind: str, document: dict[str, Any]) -> bytes:
    return orjson.dumps({"type": kind, "object": document})


async def test_a_watch_that_falls_silent_is_taken_up_where_it_was_and_one_that_is_too_old_begins_anew() -> None:
    store, server = Store(), FallsSilent()
    kind = Kind("jobs", parse_child_job, store.upsert_child_job, store.forget_child_job, store.present_child_jobs)
    informer = Informer(server, "/jobs", LABEL_JOB, kind, lambda *_: None)  # type: ignore[arg-type]
    running = asyncio.create_task(informer.run())
    async with asyncio.timeout(10):
        while len(server.asked) < 3:  # noqa: ASYNC110 - counted by the server
            await asyncio.sleep(0.01)
    running.cancel()
    assert server.asked == ["9", "12", "19"]
    assert (server.listings, names(store)) == (2, {"first"}), "the second listing has neither of the others"
