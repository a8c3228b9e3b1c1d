"""What lies between the operator and the API server: requests and answers that are late or lost, and watches that lag,
fall silent, break off or have become too old.

Answers to GET and listings are of the moment at which they were made; they may arrive long after news that is newer. A
watch is in order; two watches, or a watch and an answer, are in no order at all.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import orjson

from reconstruction_operator.kube import ApiError, Kube

from .objects import Change, Document, Place, copied, matches
from .server import ApiServer, place_of

_LONGEST_WAY_SECONDS = 4.0
"""A request that takes effect does so before another replica may lead: the pause between a leader's renew deadline and
the end of its Lease is 5 s."""
_BOOKMARK_SECONDS = 60.0


class Network:
    """`trouble` is the share of calls and events to which something happens; 0 is a network without faults."""

    def __init__(self, server: ApiServer, random_numbers: random.Random) -> None:
        self.server = server
        self.trouble = 0.0
        self.loses: Callable[[str, str], bool] = lambda _method, _path: False
        """Whether the answer to a request is lost, for a test that wants just that."""
        self.cut: set[str] = set()
        """Replicas that reach the API server no more, for the time being."""
        self.random = random_numbers
        self.streams: list[Stream] = []
        self.requested: list[Callable[[str, str, Document | None], None]] = []
        """Told of each request at the moment at which it takes effect: method, path and body."""
        self.answered: list[Callable[[str, str, str, Document | ApiError], None]] = []
        """Told of the answer: replica, method, path and what the server says."""
        server.objects.changed.append(self._tell)

    def _tell(self, change: Change) -> None:
        for stream in self.streams:
            stream.tell(change)

    def happens(self) -> bool:
        return self.trouble > 0 and self.random.random() < self.trouble

    def late(self, longest: float) -> float:
        """Seconds; most of what is late is so by little."""
        return longest * self.random.random() ** 3 if self.happens() else 0.0


class MemoryKube(Kube):
    """One replica's connection; everything above the single request is the real client's."""

    def __init__(self, network: Network, replica: str) -> None:
        self._network = network
        self._replica = replica
        self._streams = False
        self.dead = False
        """The process is gone: nothing that it still asks for is heard."""

    def called(self, method: str) -> None:
        """As the metrics want to be told."""

    async def close(self) -> None:
        pass

    async def _request(
        self, method: str, path: str, query: dict[str, str] | None, body: Document | None, content_type: str,
        accept: str, seconds: float,
    ) -> Document:  # fmt: skip
        network, loop = self._network, asyncio.get_running_loop()
        answer: asyncio.Future[Document] = loop.create_future()
        if not self._reaches():
            loop.call_later(seconds, _fail, answer, TimeoutError())
            return await answer
        sent = None if body is None else orjson.dumps(body)
        if network.happens() and network.random.random() < 0.3:
            loop.call_soon(_fail, answer, _no_answer(network.random.random()))
            return await answer
        lost, back = network.happens() and network.random.random() < 0.5, network.late(40.0)
        way = network.late(_LONGEST_WAY_SECONDS)
        brief = "PartialObjectMetadata" in accept

        def take_effect() -> None:
            """Whether or not anybody waits for the answer."""
            document = None if sent is None else orjson.loads(sent)
            for each in network.requested:
                each(method, path, document)
            try:
                found = network.server.handle(method, path, query or {}, document)
                said: Document | ApiError = copied(_briefly(found) if brief else found)
            except ApiError as error:
                said = error
            for each in network.answered:
                each(self._replica, method, path, said)
            if lost or not self._reaches() or network.loses(method, path):
                return _fail(answer, _broken())
            if back:
                loop.call_later(back, _settle, answer, said)
            else:
                _settle(answer, said)

        if way:
            loop.call_later(way, take_effect)
        else:
            loop.call_soon(take_effect)
        async with asyncio.timeout(seconds):
            return await answer

    async def watch(self, path: str, query: dict[str, str], quiet_seconds: float) -> AsyncIterator[bytes]:
        if not self._reaches():
            await asyncio.sleep(quiet_seconds)
            raise TimeoutError
        stream = Stream(self._network, path, query, self)
        self._network.streams.append(stream)
        try:
            async for line in stream.lines(float(query["timeoutSeconds"]), quiet_seconds):
                yield line
        finally:
            self._network.streams.remove(stream)

    def _reaches(self) -> bool:
        return not self.dead and self._replica not in self._network.cut


class Stream:
    """One watch."""

    def __init__(self, network: Network, path: str, query: dict[str, str], kube: MemoryKube) -> None:
        self.place: Place = place_of(path)[0]
        self._network = network
        self._kube = kube
        self._selector = query.get("labelSelector", "")
        self._version = int(query["resourceVersion"])
        self._waiting: list[bytes] = []
        self._news = asyncio.Event()
        self._silent = False
        self.broken = False

    def tell(self, change: Change) -> None:
        line = self._event(change)
        if line is not None:
            self._waiting.append(line)
            self._news.set()

    def breaks(self) -> None:
        """The connection ends."""
        self.broken = True
        self._news.set()

    def falls_silent(self) -> None:
        """Nothing arrives any more, and nobody says so."""
        self._silent = True

    async def lines(self, seconds: float, quiet_seconds: float) -> AsyncIterator[bytes]:
        objects, loop = self._network.server.objects, asyncio.get_running_loop()
        if self._version < objects.compacted:
            yield _line("ERROR", {"code": 410, "reason": "Expired", "message": "too old resource version"})
            return
        missed = [line for change in objects.since(self._version) if (line := self._event(change)) is not None]
        self._waiting[:0] = missed
        self._news.set()
        end = loop.time() + seconds
        while loop.time() < end:
            try:
                async with asyncio.timeout_at(min(end, loop.time() + _BOOKMARK_SECONDS)):
                    await self._news.wait()
            except TimeoutError:
                if not self._silent:
                    yield _line("BOOKMARK", {"metadata": {"resourceVersion": str(objects.version)}})
            self._news.clear()
            if late := self._network.late(8.0):
                await asyncio.sleep(late)
            if self._silent or not self._kube._reaches():
                await asyncio.sleep(quiet_seconds)
                raise TimeoutError
            if self.broken:
                raise _broken()
            waiting, self._waiting = self._waiting, []
            for line in waiting:
                yield line

    def _event(self, change: Change) -> bytes | None:
        """What a watch with this selector is told: an object that no longer matches is gone, one that does is new."""
        place = change.place
        if place.kind != self.place.kind or self.place.namespace not in ("", place.namespace):
            return None
        before, after = matches(change.before, self._selector), matches(change.after, self._selector)
        if after:
            return _line("MODIFIED" if before else "ADDED", change.after)
        if not before or change.before is None:
            return None
        metadata = change.before["metadata"] | {"resourceVersion": str(change.version)}
        return _line("DELETED", change.before | {"metadata": metadata})


def _line(kind: str, document: Any) -> bytes:
    return orjson.dumps({"type": kind, "object": document})


def _briefly(document: Document) -> Document:
    """As PartialObjectMetadata."""
    return {"kind": "PartialObjectMetadata", "metadata": document["metadata"]}


def _no_answer(number: float) -> Exception:
    """Why a request has no effect; one of several reasons, by a number from 0 to 1."""
    if number < 0.5:
        return _broken()
    if number < 0.75:
        return ApiError(503, "ServiceUnavailable", "etcdserver: leader changed")
    busy = ApiError(429, "TooManyRequests", "the server has received too many requests")
    busy.retry_after = 1.0
    return busy


def _broken() -> aiohttp.ClientError:
    return aiohttp.ClientConnectionError("the connection is broken")


def _settle(answer: asyncio.Future[Document], said: Document | ApiError) -> None:
    if isinstance(said, ApiError):
        _fail(answer, said)
    elif not answer.done():
        answer.set_result(said)


def _fail(answer: asyncio.Future[Document], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
