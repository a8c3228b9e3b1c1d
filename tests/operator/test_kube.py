"""Calls to an API server that has too much to do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from reconstruction_operator.kube import ApiError, Kube
from reconstruction_operator.official import Configuration

Answer = tuple[int, str | None]


@asynccontextmanager
async def server(*answers: Answer) -> AsyncIterator[tuple[Kube, list[float]]]:
    """Gives these answers one after the other, then an object; and when it was asked."""
    left, asked = list(answers), list[float]()

    async def answer(_: web.Request) -> web.Response:
        asked.append(time.monotonic())
        if not left:
            return web.json_response({"kind": "Pod"})
        status, retry_after = left.pop(0)
        headers = {"Retry-After": retry_after} if retry_after is not None else {}
        return web.json_response({"reason": "TooManyRequests", "message": "later"}, status=status, headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    configuration = Configuration()
    async with TestServer(app) as running:
        configuration.host = str(running.make_url("/")).rstrip("/")
        kube = Kube(configuration)
        try:
            yield kube, asked
        finally:
            await kube.close()


@pytest.mark.parametrize("answers", [[(429, "1")], [(503, "1")], [(429, None)]])
async def test_the_server_is_asked_again_when_it_wants_to_be(answers: list[Answer]) -> None:
    async with server(*answers) as (kube, asked):
        assert await kube.get("/pods") == {"kind": "Pod"}
    assert len(asked) == 2 and asked[1] - asked[0] >= 0.95


async def test_not_beyond_the_time_of_the_call() -> None:
    async with server((429, "1"), (429, "7200")) as (kube, asked):
        with pytest.raises(ApiError) as caught:
            await kube.request("POST", "/pods", body={})
        assert (caught.value.status, caught.value.retry_after) == (429, 7200)
        started = time.monotonic()
        assert await kube.get("/pods") == {"kind": "Pod"}
        assert time.monotonic() - started < 0.9, "one call's pause is no other's"
    assert len(asked) == 3


@pytest.mark.parametrize("status", [409, 422, 500, 503])
async def test_other_errors_are_the_callers(status: int) -> None:
    async with server((status, None)) as (kube, asked):
        with pytest.raises(ApiError):
            await kube.get("/pods")
    assert len(asked) == 1


async def test_a_watch_that_is_refused_says_when_to_come_again() -> None:
    async with server((429, "3")) as (kube, _):
        with pytest.raises(ApiError) as caught:
            async for _line in kube.watch("/pods", {}, 5):
                pass
    assert caught.value.retry_after == 3
    await asyncio.sleep(0)
