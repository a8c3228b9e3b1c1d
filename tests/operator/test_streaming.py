"""Listings that the API server streams, and servers that do not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from reconstruction_operator import kube as kube_module
from reconstruction_operator.kube import ApiError, Kube
from reconstruction_operator.official import Configuration

END = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "90",
                                                   "annotations": {"k8s.io/initial-events-end": "true"}}}}  # fmt: skip


def added(number: int) -> dict[str, Any]:
    return {"type": "ADDED", "object": {"metadata": {"name": f"pod-{number}", "resourceVersion": "5"}}}


class Server:
    """Streams these events, or refuses to with this status; lists two pages with one object each."""

    def __init__(self, *events: dict[str, Any], status: int = 200, hangs: bool = False):
        self.events, self.status, self.hangs = events, status, hangs
        self.asked: list[dict[str, str]] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        query = dict(request.query)
        self.asked.append(query)
        if "watch" in query:
            return await self._stream(request)
        last = "continue" in query
        metadata = {"resourceVersion": "80"} | ({} if last else {"continue": "more"})
        return web.json_response({"items": [added(int(last))["object"]], "metadata": metadata})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if self.status != 200:
            return web.json_response({"reason": "Invalid", "message": "sendInitialEvents"}, status=self.status)
        stream = web.StreamResponse()
        await stream.prepare(request)
        for event in self.events:
            await stream.write(json.dumps(event).encode() + b"\n")
        if self.hangs:
            await asyncio.sleep(5)
        return stream

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Kube]:
        app = web.Application()
        app.router.add_get("/{path:.*}", self.answer)
        async with TestServer(app) as server:
            configuration = Configuration()
            configuration.host = str(server.make_url("/")).rstrip("/")
            kube = Kube(configuration)
            try:
                yield kube
            finally:
                await kube.close()


async def listed(kube: Kube, **selecting: str) -> tuple[list[str], str]:
    """Names, and the version that they are of."""
    names, version = list[str](), ""
    async for page in kube.pages("/pods", **selecting):
        names += [item["metadata"]["name"] for item in page["items"]]
        version = page["metadata"]["resourceVersion"]
    return names, version


@pytest.mark.parametrize("count", [0, 1, 100, 250])
async def test_a_streamed_listing_is_all_objects_and_the_version_of_the_last_bookmark(count: int) -> None:
    server = Server(*(added(number) for number in range(count)), END)
    async with server.running() as kube:
        names, version = await listed(kube, selector="a=b", fields="c=d")
    assert (names, version) == ([f"pod-{number}" for number in range(count)], "90")
    [query] = server.asked
    assert (query["sendInitialEvents"], query["resourceVersionMatch"]) == ("true", "NotOlderThan")
    assert (query["labelSelector"], query["fieldSelector"], "resourceVersion" in query) == ("a=b", "c=d", False)


@pytest.mark.parametrize("status", [400, 422])
async def test_a_server_that_does_not_stream_is_asked_for_pages_and_not_asked_to_stream_again(status: int) -> None:
    server = Server(status=status)
    async with server.running() as kube:
        assert await listed(kube) == (["pod-0", "pod-1"], "80")
        assert await listed(kube) == (["pod-0", "pod-1"], "80")
    assert ["watch" in each for each in server.asked] == [True, False, False, False, False]


async def test_what_the_server_says_of_rights_is_no_word_about_streaming() -> None:
    server = Server(status=403)
    async with server.running() as kube:
        for _ in range(2):
            with pytest.raises(ApiError):
                await listed(kube)
    assert all("watch" in each for each in server.asked)


async def test_half_a_listing_is_none() -> None:
    server = Server(*(added(number) for number in range(150)))
    async with server.running() as kube:
        with pytest.raises(TimeoutError):
            await listed(kube)
        assert await listed(kube) == (["pod-0", "pod-1"], "80")


async def test_a_server_that_says_nothing_is_asked_for_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kube_module, "_TIMEOUT_SECONDS", 0.2)
    server = Server(hangs=True)
    async with server.running() as kube:
        assert await listed(kube) == (["pod-0", "pod-1"], "80")
