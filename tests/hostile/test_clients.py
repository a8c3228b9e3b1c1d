"""Hostile clients at the workers' port: none stops it, learns anything, or keeps a worker out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest
import uvloop
from aiohttp import web
from tests.operator.builders import KEY, RECONSTRUCT, pod_of, run_of, update, worker_token
from tests.operator.test_http import Reviews, review

from reconstruction_api.worker import ProgressUpdate
from reconstruction_operator import http
from reconstruction_operator.buckets import Buckets
from reconstruction_operator.forward import Forwarder
from reconstruction_operator.listener import Limits, Listener
from reconstruction_operator.metrics import Metrics
from reconstruction_operator.model import JobKey
from reconstruction_operator.reviews import TokenReviewer

from .clients import CLIENTS, Target, head, send, status

POD = pod_of(run_of(RECONSTRUCT))
THIEF = replace(POD, name="thief", uid="uid-of-the-thief")
REFUSALS = {400, 401, 403, 404, 405, 408, 413, 415, 417, 429, 501, 503, 505}
LIMITS = Limits(connections=40, connections_of_one_client=30, request_seconds=0.8, idle_seconds=0.8)
LEGITIMATE_SECONDS = 1.0


@pytest.fixture(scope="module")
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    """The operator's own event loop."""
    return uvloop.EventLoopPolicy()


@dataclass
class Side:
    """A workers' port with a fake API server behind it."""

    port: int
    listener: Listener
    reviews: Reviews
    received: list[ProgressUpdate] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    @property
    def target(self) -> Target:
        numbers = count()
        return Target(
            self.port,
            lambda: worker_token(POD, signature=f"forged {next(numbers)}"),
            worker_token(THIEF, namespace="elsewhere"),
        )

    async def post(self) -> int:
        """An update of the true worker."""
        body = update(run_of(RECONSTRUCT), "train", 50).model_dump_json(by_alias=True).encode()
        return status(await send(self.target, head(worker_token(POD), Content_Length=str(len(body))) + body))


@pytest.fixture
async def side() -> AsyncIterator[Side]:
    reviews = Reviews(
        {
            worker_token(POD): review(),
            worker_token(THIEF, namespace="elsewhere"): review(THIEF.name, THIEF.uid, "elsewhere"),
        }
    )
    pods = {(KEY.namespace, POD.uid), ("elsewhere", THIEF.uid)}
    made: list[Side] = []

    def receive(_: JobKey, update: ProgressUpdate) -> bool:
        made[0].received.append(update)
        return True

    def clock() -> float:
        return asyncio.get_running_loop().time()

    sink = http.ProgressSink(
        lambda: True, lambda: "", lambda key, uid: (POD,) if key == KEY else (), receive, Buckets(clock, 20, 0.1)
    )
    reviewer = TokenReviewer(reviews, clock, lambda pod: (pod.namespace, pod.uid) in pods)  # type: ignore[arg-type]
    closed: list[str] = []
    listener = Listener(http.application(Metrics(), reviewer, sink, Forwarder()), LIMITS, closed.append)
    port = await listener.start("127.0.0.1", 0)
    made.append(Side(port, listener, reviews, closed=closed))
    yield made[0]
    await listener.close()


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", CLIENTS)
async def test_a_hostile_client_is_refused_and_keeps_nobody_out(
    side: Side, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    started = asyncio.get_running_loop().time()
    assert await side.post() == 200, "a worker that is at work already"
    with caplog.at_level(logging.INFO):
        attack = asyncio.create_task(CLIENTS[name](side.target))
        await asyncio.sleep(0.3)
        # The worker meanwhile; it has the attacker's address, so amid young connections it is one too many.
        async with asyncio.timeout(LEGITIMATE_SECONDS):
            while await side.post() != 200:  # noqa: ASYNC110 - tried again, as a worker does
                await asyncio.sleep(0.05)
        answers = await attack
    assert {status(answer) for answer in answers} <= REFUSALS | {0}
    assert not any(b"reconstruction_operator_" in answer for answer in answers), "metrics are elsewhere"
    assert await side.post() == 200, "and afterwards"
    assert len(side.received) == 3, "nobody else's update was taken"
    assert len(side.reviews.asked) <= 13, "as few reviews as there are pods, and some tries of a forger"
    await all_gone(side)
    assert asyncio.get_running_loop().time() - started < 5
    logged = [each for each in caplog.records if not each.name.startswith("asyncio")]
    assert not logged, "a client can't fill the log"


async def all_gone(side: Side) -> None:
    """No connection stays open for longer than the limits say."""
    async with asyncio.timeout(2 * LIMITS.idle_seconds + LIMITS.request_seconds):
        while len(side.listener):  # noqa: ASYNC110 - counted by the server
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("slow_headers", "slow"),
        ("silence", "slow"),
        ("many_connections", "crowded"),
    ],
)
async def test_what_a_connection_was_closed_for_is_counted(side: Side, name: str, reason: str) -> None:
    await CLIENTS[name](side.target)
    await all_gone(side)
    assert reason in side.closed


async def test_a_connection_that_was_polite_once_is_not_waited_for_either() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    app, closed = web.Application(), list[str]()
    app.router.add_get("/", answer)
    listener = Listener(app, LIMITS, closed.append)
    reader, writer = await asyncio.open_connection("127.0.0.1", await listener.start("127.0.0.1", 0))
    try:
        for _ in range(2):
            writer.write(head(method="GET", path="/"))
            assert status(await reader.readuntil(b"ok")) == 200
        writer.write(b"GET / HTTP/1.1\r\n")
        async with asyncio.timeout(2 * LIMITS.idle_seconds):
            while not reader.at_eof():
                writer.write(b"X: y\r\n")
                await asyncio.sleep(0.1)
        assert closed == ["slow"]
    finally:
        writer.close()
        await listener.close()


async def test_a_slow_body_is_answered_with_a_refusal_in_time(side: Side) -> None:
    (answer,) = await CLIENTS["slow_body"](side.target)
    assert status(answer) == 408


async def test_who_has_the_most_connections_loses_one_and_not_the_newcomer() -> None:
    closed: list[str] = []
    limits = Limits(connections=10, connections_of_one_client=8)
    listener = Listener(web.Application(), limits, closed.append)
    port = await listener.start("127.0.0.1", 0)
    opened: list[tuple[Any, asyncio.StreamWriter]] = []
    try:
        for source in ["127.0.0.2"] * 8 + ["127.0.0.3"] * 5:
            opened.append(await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0)))
            await asyncio.sleep(0.01)
        ended = [source for source, (reader, _) in enumerate(opened) if reader.at_eof()]
        assert ended == [0, 1, 2], "the oldest of the first client"
        assert (len(listener), closed) == (10, ["crowded"] * 3)
    finally:
        for _, writer in opened:
            writer.close()
        await listener.close()


async def test_a_client_that_has_all_it_may_gets_more_only_for_one_that_it_holds_for_too_long() -> None:
    closed: list[str] = []
    limits = Limits(connections=10, connections_of_one_client=3, request_seconds=20.0)
    listener = Listener(web.Application(), limits, closed.append)
    port = await listener.start("127.0.0.1", 0)
    opened: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    try:
        for _ in range(4):
            opened.append(await asyncio.open_connection("127.0.0.1", port))
        with suppress(OSError):
            assert await opened[3][0].read() == b""
        assert (len(listener), closed) == (3, ["crowded"]), "the newcomer: the others may be answered yet"
        await asyncio.sleep(limits.request_seconds / 40)
        opened.append(await asyncio.open_connection("127.0.0.1", port))
        with suppress(OSError):
            assert await opened[0][0].read() == b""
        assert (len(listener), closed) == (3, ["crowded"] * 2), "the oldest"
    finally:
        for _, writer in opened:
            writer.close()
        await listener.close()


def test_there_are_twenty_hostile_clients() -> None:
    assert len(CLIENTS) >= 20
