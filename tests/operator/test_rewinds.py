"""Data that are older than what the API server has shown before: a restore of etcd."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from reconstruction_api.names import LABEL_JOB
from reconstruction_operator.informer import Informer, Kind
from reconstruction_operator.kube import ApiError
from reconstruction_operator.resync import list_jobs
from reconstruction_operator.rewinds import Rewound, check_version
from reconstruction_operator.store import Store, parse_child_job

from .builders import KEY, SPEC, UID
from .test_informer import child


class Server:
    """Lists what it is given, as of a version; its watches break at once, and then end."""

    def __init__(self, version: int, *items: dict[str, Any]):
        self.version, self.items = version, list(items)
        self.then: int | None = None
        """Its version once a watch has broken."""

    async def pages(self, *_: Any) -> AsyncIterator[dict[str, Any]]:
        yield self._page()

    async def request(self, method: str, path: str, *, query: dict[str, str]) -> dict[str, Any]:
        assert (method, query["limit"]) == ("GET", "1")
        return self._page()

    async def watch(self, *_: Any) -> AsyncIterator[bytes]:
        self.version = self.then if self.then is not None else self.version
        raise ApiError(503, "ServiceUnavailable", "restarting")
        yield b""

    def _page(self) -> dict[str, Any]:
        return {"items": self.items, "metadata": {"resourceVersion": str(self.version)}}


def informer(store: Store, server: Server) -> Informer:
    kind = Kind("jobs", parse_child_job, store.upsert_child_job, store.forget_child_job, store.present_child_jobs)
    return Informer(server, "/jobs", LABEL_JOB, kind, lambda *_: None)  # type: ignore[arg-type]


def knowing(version: int) -> Store:
    store = Store()
    store.observe_child_job(child("first", version))
    return store


@pytest.mark.parametrize(
    ("server", "what"),
    [
        (Server(7), "the list of jobs is at version 7, after 8"),
        (Server(7, child("first", 3)), "the list of jobs is at version 7, after 8"),
        (Server(900, child("first", 3)), "jobs/first is at version 3, after 8"),
    ],
)
async def test_a_listing_that_is_older_than_what_was_known_before_it_is_noticed(server: Server, what: str) -> None:
    with pytest.raises(Rewound, match=what):
        await informer(knowing(8), server)._list()


@pytest.mark.parametrize("server", [Server(8), Server(8, child("first", 8)), Server(20, child("first", 15))])
async def test_one_that_is_as_new_is_a_listing_like_any_other(server: Server) -> None:
    await informer(knowing(8), server)._list()


async def test_when_the_api_server_was_away_its_version_is_asked_for_before_the_watch_goes_on() -> None:
    server = Server(20, child("first", 8))
    server.then = 19
    with pytest.raises(Rewound, match="the list of jobs is at version 19, after 20"):
        await informer(Store(), server).run()


async def test_jobs_are_compared_at_every_resync() -> None:
    metadata = {"namespace": KEY.namespace, "name": KEY.name, "uid": UID}
    store, job = Store(), {"metadata": metadata | {"resourceVersion": "8"}, "spec": SPEC, "status": {}}
    store.observe_job(job)
    assert await list_jobs(Server(9, job), store, "") == []  # type: ignore[arg-type]
    older = job | {"metadata": metadata | {"resourceVersion": "5"}}
    with pytest.raises(Rewound):
        await list_jobs(Server(30, older), store, "")  # type: ignore[arg-type]


def test_versions_of_another_storage_are_not_compared() -> None:
    check_version("x", "abc", "9")
    check_version("x", "1", "")
