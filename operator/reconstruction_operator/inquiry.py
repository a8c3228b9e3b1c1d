"""Finds out why child objects make no headway: the cluster says so in Events only.

Events are not watched: they are many, and almost none matters. When a decision asks, the latest Event about the object
is read; all that is asked within a namespace is answered by one listing, and the next one waits a while.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

import aiohttp

from . import paths
from .kube import ApiError, Kube
from .model import JobKey
from .plan import Inquiry
from .store import Store

_log = logging.getLogger(__name__)

_PAUSE_SECONDS = 10.0
_MOST_EVENTS = 2000
_UNTELLING = ("WaitForFirstConsumer", "SuccessfulCreate", "Scheduled", "Pulling", "Pulled", "Created", "Started")

Document = dict[str, Any]


class Inquiries:
    """Questions by namespace; answers go to the store, and a job whose answer is new is looked at again."""

    def __init__(self, kube: Kube, store: Store, enqueue: Callable[[JobKey], None], pause: float = _PAUSE_SECONDS):
        self._kube = kube
        self._store = store
        self._enqueue = enqueue
        self._pause = pause
        self._asked: dict[str, dict[Inquiry, JobKey]] = {}
        self._answered: dict[str, float] = {}
        self._wake = asyncio.Event()

    def ask(self, key: JobKey, inquiries: Iterable[Inquiry]) -> None:
        """Returns at once."""
        for inquiry in inquiries:
            self._asked.setdefault(key.namespace, {})[inquiry] = key
            self._wake.set()

    async def run(self) -> None:
        """Answer until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            now = time.monotonic()
            for namespace in [each for each in self._asked if self._due(each) <= now]:
                self._answered[namespace] = now
                await self._answer(namespace, self._asked.pop(namespace))
            if self._asked:
                await asyncio.sleep(max(0.05, min(map(self._due, self._asked)) - time.monotonic()))
                self._wake.set()

    def _due(self, namespace: str) -> float:
        return self._answered.get(namespace, float("-inf")) + self._pause

    async def _answer(self, namespace: str, asked: dict[Inquiry, JobKey]) -> None:
        for kind in sorted({inquiry.kind for inquiry in asked}):
            try:
                said = await self._latest(namespace, kind)
            except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                _log.warning("events were not read: %s", error, extra={"namespace": namespace})
                continue
            for inquiry, key in asked.items():
                if inquiry.kind == kind and self._store.explain(key, inquiry.uid, said.get(inquiry.uid, "")):
                    self._enqueue(key)

    async def _latest(self, namespace: str, kind: str) -> dict[str, str]:
        """The last telling message about each object of a kind, by its uid."""
        latest: dict[str, tuple[str, str]] = {}
        count = 0
        async for event in self._kube.list(paths.core_events(namespace), fields=f"involvedObject.kind={kind}"):
            count += 1
            uid, when = event["involvedObject"].get("uid", ""), _time(event)
            if event.get("reason") not in _UNTELLING and when >= latest.get(uid, ("", ""))[0]:
                latest[uid] = (when, event.get("message") or "")
            if count >= _MOST_EVENTS:
                break
        return {uid: message for uid, (_, message) in latest.items()}


def _time(event: Document) -> str:
    """RFC 3339 in UTC; of one form within a kind of event, so that text compares."""
    return event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or ""
