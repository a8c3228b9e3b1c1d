"""Notifications to a real HTTP receiver."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from reconstruction_operator.actions import Notify
from reconstruction_operator.kube import ApiError
from reconstruction_operator.model import DeliveryResult, JobKey
from reconstruction_operator.notifier import Notifier
from reconstruction_operator.receivers import Receivers

from .builders import KEY, job_view

SECRET = b"0123456789abcdef0123456789abcdef"
LOOPBACK = Receivers.of(("127.0.0.0/8",))


@dataclass
class Receiver:
    """Takes messages, checks their signatures with its own key and answers as told."""

    status: int = 200
    location: str = ""
    key: bytes = SECRET
    genuine: list[bool] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    async def __aenter__(self) -> Receiver:
        app = web.Application()
        app.router.add_post("/hook", self._take)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/hook"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        sent = request.headers
        signed = f"{sent['webhook-id']}.{sent['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.new(self.key, signed, hashlib.sha256).digest()).decode()
        self.genuine.append(hmac.compare_digest(f"v1,{expected}", sent["webhook-signature"]))
        self.events.append(json.loads(body))
        self.headers.append(dict(sent))
        return web.Response(status=self.status, headers={"Location": self.location} if self.location else {})


class Secrets:
    """An API server that has one secret."""

    def __init__(self, data: dict[str, bytes] | None):
        self.data = data
        self.asked: list[str] = []

    async def get(self, path: str) -> dict[str, Any]:
        self.asked.append(path)
        if self.data is None:
            raise ApiError(404, "NotFound", "secrets not found")
        return {"data": {name: base64.b64encode(value).decode() for name, value in self.data.items()}}


def order(url: str, attempt: int = 1) -> Notify:
    return Notify("event-1", url, "hook-key", attempt, {"specversion": "1.0", "id": "event-1", "data": {"ä": 1}})


def deliver(
    scenario: Callable[[Notifier], Awaitable[str]],
    secret: dict[str, bytes] | None = None,
    receivers: Receivers = LOOPBACK,
    kube: Secrets | None = None,
) -> DeliveryResult:
    """What becomes of the message to the address that the scenario answers."""

    async def run() -> DeliveryResult:
        done = asyncio.Event()
        api: Any = kube or Secrets({"webhook-key": SECRET} if secret is None else secret)
        notifier = Notifier(api, receivers, lambda *_: done.set())
        url = await scenario(notifier)
        notifier.send(job_view(), order(url))
        await asyncio.wait_for(done.wait(), 20)
        (result,), under_way = notifier.observed(KEY)
        assert not under_way
        return result

    return asyncio.run(run())


def delivered_to(receiver: Receiver, **fields: Any) -> DeliveryResult:
    """One attempt."""

    async def run() -> DeliveryResult:
        async with receiver:
            done = asyncio.Event()
            api: Any = fields.get("kube") or Secrets(fields.get("secret", {"webhook-key": SECRET}))
            notifier = Notifier(api, fields.get("receivers", LOOPBACK), lambda *_: done.set())
            notifier.send(job_view(), order(receiver.url))
            notifier.send(job_view(), order(receiver.url))  # asked for twice, sent once
            await asyncio.wait_for(done.wait(), 20)
            (result,), under_way = notifier.observed(KEY)
            assert not under_way
            return result

    return asyncio.run(run())


def test_a_receiver_gets_a_cloud_event_whose_signature_it_can_verify() -> None:
    receiver, kube = Receiver(), Secrets({"webhook-key": SECRET})
    result = delivered_to(receiver, kube=kube)
    assert (result.problem, result.attempt) == ("", 1)
    assert (receiver.genuine, receiver.events) == ([True], [order("").event])
    headers = receiver.headers[0]
    assert headers["Content-Type"] == "application/cloudevents+json"
    assert headers["webhook-id"] == "event-1"
    assert kube.asked == ["/api/v1/namespaces/museum/secrets/hook-key"]


def test_another_key_does_not_verify() -> None:
    receiver = Receiver(key=b"another key of some length")
    delivered_to(receiver)
    assert receiver.genuine == [False]


def test_keys_may_be_written_as_standard_webhooks_do() -> None:
    receiver = Receiver()
    delivered_to(receiver, secret={"webhook-key": b"whsec_" + base64.b64encode(SECRET) + b"\n"})
    assert receiver.genuine == [True]


def test_an_answer_other_than_2xx_is_told_and_tried_again() -> None:
    result = delivered_to(Receiver(status=503))
    assert "status 503" in result.problem and not result.hopeless
    assert delivered_to(Receiver(status=410)).hopeless


def test_a_redirect_is_not_followed() -> None:
    receiver = Receiver(status=302, location="http://127.0.0.1:1/elsewhere")
    assert "status 302" in delivered_to(receiver).problem
    assert len(receiver.events) == 1


def test_a_private_address_is_not_even_connected_to() -> None:
    receiver = Receiver()
    result = delivered_to(receiver, receivers=Receivers())
    assert result.hopeless and "not a public address" in result.problem
    assert receiver.events == []


def test_secrets_that_can_not_be_used_are_named() -> None:
    for secret, problem in (
        (None, "There is no secret 'hook-key'"),
        ({"password": SECRET}, "no entry webhook-key"),
        ({"webhook-key": b"short"}, "shorter than 16 bytes"),
        ({"webhook-key": b"whsec_!!"}, "not base64"),
    ):
        receiver = Receiver()
        result = delivered_to(receiver, secret=secret)
        assert problem in result.problem and not result.hopeless
        assert receiver.events == []


def test_nobody_there_is_a_reason_to_try_again() -> None:
    async def nowhere(_: Notifier) -> str:
        return "http://127.0.0.1:9/hook"

    result = deliver(nowhere)
    assert "can't be reached" in result.problem and not result.hopeless


def test_what_belongs_to_a_job_that_is_gone_is_forgotten() -> None:
    async def run() -> None:
        api: Any = Secrets({"webhook-key": SECRET})
        notifier = Notifier(api, LOOPBACK, lambda *_: None)
        notifier.send(job_view(), order("http://127.0.0.1:9/hook"))
        notifier.forget(KEY)
        await asyncio.sleep(0)
        assert notifier.observed(KEY) == ((), frozenset())
        assert notifier.observed(JobKey("other", "job")) == ((), frozenset())
        await notifier.close()

    asyncio.run(run())
