"""Which namespaces are served, with a fake API server whose namespaces and rights change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from reconstruction_operator import namespaces as module
from reconstruction_operator.kube import ApiError
from reconstruction_operator.namespaces import EVERYWHERE, Namespaces

from .api_server.virtual_time import event_loop_policy  # noqa: F401 - their time is the loop's

LISTED = ("/api/v1/namespaces/{namespace}/pods",)


class ApiServer:
    def __init__(self) -> None:
        self.there = {"museum", "archive"}
        self.forbidden: set[str] = set()
        """Addresses, by their ends."""
        self.broken = False
        self.ending: set[str] = set()
        self.calls: list[str] = []

    async def get(self, path: str) -> dict[str, Any]:
        name = path.rpartition("/")[2]
        self._refuse(path)
        if name not in self.there:
            raise ApiError(404, "NotFound", f'namespaces "{name}" not found')
        return {"metadata": {"deletionTimestamp": "now"} if name in self.ending else {}}

    async def request(self, method: str, path: str, *, query: dict[str, str]) -> dict[str, Any]:
        assert (method, query) == ("GET", {"limit": "1"})
        self._refuse(path)
        return {"items": []}

    def _refuse(self, path: str) -> None:
        self.calls.append(path)
        if self.broken:
            raise ApiError(500, "InternalError", "etcd is away")
        if any(path.endswith(each) for each in self.forbidden):
            raise ApiError(403, "Forbidden", f"{path} is forbidden")


@asynccontextmanager
async def looked_after(server: ApiServer, *names: str) -> AsyncIterator[Namespaces]:
    made = Namespaces(server, names, LISTED)  # type: ignore[arg-type]
    running = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        running.cancel()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BACKOFF_SECONDS", (0.01, 0.05))
    monkeypatch.setattr(module, "_LOOK_AGAIN_SECONDS", 0.1)
    monkeypatch.setattr(module, "_ENDING_SECONDS", 0.01)


async def settles(namespaces: Namespaces, name: str, *, served: bool) -> None:
    async with asyncio.timeout(5):
        await namespaces.until(name, served=served)


async def test_one_that_is_missing_is_left_out_and_the_others_are_served() -> None:
    server = ApiServer()
    async with looked_after(server, "museum", "nowhere", "archive") as namespaces:
        for name in ("museum", "archive"):
            await settles(namespaces, name, served=True)
        await settles(namespaces, "nowhere", served=False)
        assert namespaces.unserved() == {"nowhere": "there is no such namespace"}
        assert namespaces.is_gone("nowhere") and not namespaces.is_gone("museum")
        server.there.add("nowhere")
        await settles(namespaces, "nowhere", served=True)
        assert namespaces.unserved() == {} and not namespaces.is_gone("nowhere")


@pytest.mark.parametrize("listing", ["/museum/reconstructionjobs", "/museum/reconstructionprofiles", "/museum/pods"])
async def test_one_whose_objects_may_not_be_listed_is_left_out_and_not_taken_for_gone(listing: str) -> None:
    server = ApiServer()
    server.forbidden = {listing, "/namespaces/museum"}
    async with looked_after(server, "museum", "archive") as namespaces:
        await settles(namespaces, "museum", served=False)
        await settles(namespaces, "archive", served=True)
        assert "is forbidden" in namespaces.unserved()["museum"] and not namespaces.is_gone("museum")
        server.forbidden = {"/namespaces/museum"}  # the namespace itself need not be readable
        await settles(namespaces, "museum", served=True)


async def test_a_namespace_that_goes_away_is_noticed_and_so_is_a_refused_call() -> None:
    server = ApiServer()
    async with looked_after(server, "museum", "archive") as namespaces:
        for name in ("museum", "archive"):
            await settles(namespaces, name, served=True)
        server.there.discard("museum")
        await settles(namespaces, "museum", served=False)
        server.forbidden = {"/archive/pods"}  # no look without a reason sees that
        await asyncio.sleep(0.3)
        assert "archive" not in namespaces.unserved()
        assert namespaces.suspect("archive", ApiError(403, "Forbidden", "no"))
        await settles(namespaces, "archive", served=False)


async def test_errors_of_the_api_server_say_nothing_about_a_namespace() -> None:
    server = ApiServer()
    async with looked_after(server, "museum") as namespaces:
        await settles(namespaces, "museum", served=True)
        server.broken = True
        seen = len(server.calls)
        async with asyncio.timeout(5):
            while len(server.calls) < seen + 3:  # noqa: ASYNC110 - counted by the server
                await asyncio.sleep(0.01)
        assert namespaces.unserved() == {}
        for error in (ApiError(500, "InternalError", ""), TimeoutError()):
            assert not namespaces.suspect("museum", error)


async def test_the_whole_cluster_is_always_served() -> None:
    namespaces = Namespaces(ApiServer(), (), LISTED)  # type: ignore[arg-type]
    await settles(namespaces, EVERYWHERE, served=True)
    assert namespaces.names == () and namespaces.unserved() == {}
    assert not namespaces.suspect("museum", ApiError(403, "Forbidden", "no"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await namespaces.until(EVERYWHERE, served=False)
