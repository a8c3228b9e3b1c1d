"""Keeps the store up to date with one kind of child object: list once, then follow, for as long as it takes.

kopf watches the custom resources. Their children are eight times as many and change far more often; for them kopf's
per-object machinery (a task, a memory, a queue and a handler call each) is most of the operator's cost, and its listing
does not tell of objects that went away while a watch was interrupted. An informer does: after every listing it forgets
what is no longer there.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from .causes import Cause, cause_of_child
from .kube import ApiError, Document, Kube
from .model import JobKey
from .relisting import gone
from .rewinds import check_listing, check_version

_log = logging.getLogger(__name__)

_QUIET_SECONDS = 90.0
"""The API server sends a bookmark a minute; a watch that is silent for longer is dead."""
_WATCH_SECONDS = (240, 360)
_LONGEST_BACKOFF_SECONDS = 15.0
_YIELD_EVERY = 100
_random = random.Random()
"""Its own: what waits here must not disturb a program whose results come from the global generator."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Where a kind is listed and what is done with its objects. `upsert` and `forget` return the job concerned."""

    plural: str
    parse: Callable[[Document], Any]
    """What there is to remember of an object; nothing is remembered yet."""
    upsert: Callable[[Any], JobKey | None]
    """Remember what was parsed."""
    forget: Callable[[Document], JobKey | None]
    present: Callable[[], dict[str, Document]]
    """All that is remembered, by uid, each as something that `forget` understands."""


@dataclass
class Informer:
    """One watch. `synced` is set after the first listing; `heard` is when the server last said anything."""

    kube: Kube
    path: str
    selector: str
    kind: Kind
    enqueue: Callable[[JobKey, Cause], None]
    namespace: str = ""
    """Where the objects at `path` are; everywhere when empty."""
    refused: Callable[[Exception], bool] = lambda _: False
    """Hears of every error; whether somebody looks into it, and it needs no line in the log."""
    synced: asyncio.Event = field(default_factory=asyncio.Event)
    heard: float = field(default_factory=time.monotonic)
    _version: str = ""

    def begin_anew(self) -> None:
        """As before the first listing. Not while it runs."""
        self._version = ""
        self.synced.clear()
        self.heard = time.monotonic()

    async def run(self) -> None:
        """Until cancelled. Errors are waited out: there is nothing better to do without the API server. Raises Rewound
        when it comes back with older data."""
        failures = 0
        while True:
            try:
                if not self._version:
                    await self._list()
                elif failures:
                    await self._check_history()
                await self._follow()
                failures = 0
            except (ApiError, aiohttp.ClientError, TimeoutError, OSError) as error:
                failures += 1
                if isinstance(error, ApiError) and error.status == 410:
                    self._version = ""
                if not self.refused(error):
                    _log.warning("watch of %s was interrupted: %s", self.kind.plural, error)
                wanted = getattr(error, "retry_after", None) or 0.0
                pause = min(0.1 * 2.0**failures, _LONGEST_BACKOFF_SECONDS) * (0.5 + _random.random())
                await asyncio.sleep(max(pause, wanted))

    async def _list(self) -> None:
        """All pages are of the same moment, and are remembered at once, together with what is no longer there: no
        decision sees half of a listing, with objects that are gone beside those that came after them."""
        before, parsed = self._known(), dict[str, Any]()
        version = ""
        async for page in self.kube.pages(self.path, self.selector):
            version = page["metadata"]["resourceVersion"]
            check_listing(self.kind.plural, version, _by_uid(page), before)
            for item in page.get("items", []):
                parsed[item["metadata"]["uid"]] = self.kind.parse(item)
            self.heard = time.monotonic()
        for stub in gone(self._known(), parsed, version, before):
            self._enqueue(self.kind.forget(stub), Cause.CHANGED)
        for parsed_child in parsed.values():
            self._upsert(parsed_child)
        self._version = version
        self.synced.set()

    async def _check_history(self) -> None:
        """The API server was away: a restore of its data needs that. A watch would not show it."""
        page = await self.kube.request("GET", self.path, query={"limit": "1", "labelSelector": self.selector})
        check_version(f"the list of {self.kind.plural}", page["metadata"]["resourceVersion"], self._version)

    def _known(self) -> dict[str, Document]:
        """Those of other namespaces are for other informers to miss."""
        present = self.kind.present()
        if not self.namespace:
            return present
        return {uid: stub for uid, stub in present.items() if stub["metadata"]["namespace"] == self.namespace}

    async def _follow(self) -> None:
        query = {
            "labelSelector": self.selector,
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_random.randint(*_WATCH_SECONDS)),
        }
        count = 0
        async for line in self.kube.watch(self.path, query, _QUIET_SECONDS):
            self.heard = time.monotonic()
            self._handle(orjson.loads(line))
            count += 1
            if count % _YIELD_EVERY == 0:
                await asyncio.sleep(0)  # a long burst must not keep everything else from running

    def _handle(self, event: Document) -> None:
        kind, document = event["type"], event["object"]
        if kind == "ERROR":
            raise ApiError(document.get("code", 0), document.get("reason", ""), document.get("message", ""))
        self._version = document["metadata"]["resourceVersion"]
        if kind == "DELETED":
            self._enqueue(self.kind.forget(document), Cause.CHANGED)
        elif kind != "BOOKMARK":
            self._upsert(self.kind.parse(document))

    def _upsert(self, parsed_child: Any) -> None:
        """The first listing is no news: how urgent a job is then shows when the job itself is known."""
        key = self.kind.upsert(parsed_child)
        if key is not None:
            self._enqueue(key, cause_of_child(parsed_child.view) if self.synced.is_set() else Cause.ROUTINE)

    def _enqueue(self, key: JobKey | None, cause: Cause) -> None:
        if key is not None:
            self.enqueue(key, cause)


def _by_uid(page: Document) -> dict[str, Document]:
    return {item["metadata"]["uid"]: item for item in page.get("items", [])}
