"""Follows objects on a cluster: what there is, then every change, across lost connections."""

from __future__ import annotations

import json
import queue
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from reconstruction_api.errors import ReconstructionError

from .connection import Cluster, Disconnected, Document

_SERVER_ENDS_SECONDS: Final = 240
"""The server ends a watch after this time; it is a normal end, and the watch continues with a new connection."""
_SILENCE_SECONDS: Final = 270.0
_LONGEST_PAUSE_SECONDS: Final = 10.0
_GIVE_UP_SECONDS: Final = 300.0
_BREATH_SECONDS: Final = 0.2
"""Between two watches, should a server end each of them at once."""
_random: Final = random.Random()
"""Its own: threads that wait here must not disturb a program whose results come from the global generator."""


@dataclass(frozen=True, slots=True)
class Change:
    """An object as it is now, or, when `deleted`, as it was last."""

    topic: str
    document: Document
    deleted: bool = False


def changes(
    cluster: Cluster, topic: str, path: str, query: dict[str, str], known: dict[str, Document]
) -> Iterator[Change]:
    """Every object of the collection `path`, then its changes, without an end.

    `known` has by uid what was seen before: what is no longer there is reported as deleted. A cluster that stops
    answering is asked again for five minutes. Raises what `Cluster` raises.
    """
    patience = _Patience()
    version = ""
    while True:
        try:
            if not version:
                version, found = _list(cluster, path, query)
                yield from (Change(topic, document, True) for uid, document in known.items() if uid not in found)
                yield from (Change(topic, document) for document in found.values())
                known = found
                patience.renew()
            for kind, document in _watch(cluster, path, query, version):
                patience.renew()
                if kind == "ERROR":  # too old to continue from: begin again
                    version = ""
                    break
                version = document["metadata"]["resourceVersion"]
                if kind != "BOOKMARK":
                    yield Change(topic, document, deleted=_note(known, kind, document))
            time.sleep(_BREATH_SECONDS)
        except Disconnected:
            time.sleep(_BREATH_SECONDS)
        except ReconstructionError as error:
            if error.code != "ClusterUnreachable" or patience.is_over():
                raise
            patience.wait()


class _Patience:
    """How long, and how often, a cluster that has answered once and does not any more is asked again."""

    def __init__(self) -> None:
        self._pause = 0.5
        self._lost_since = float("-inf")

    def renew(self) -> None:
        """The cluster has answered."""
        self._pause = 0.5
        self._lost_since = float("inf")

    def is_over(self) -> bool:
        self._lost_since = min(self._lost_since, time.monotonic())
        return time.monotonic() - self._lost_since > _GIVE_UP_SECONDS

    def wait(self) -> None:
        time.sleep(self._pause * _random.uniform(0.8, 1.2))
        self._pause = min(self._pause * 2, _LONGEST_PAUSE_SECONDS)


def _note(known: dict[str, Document], kind: str, document: Document) -> bool:
    """Remember an object; whether it was deleted."""
    uid = document["metadata"]["uid"]
    if kind == "DELETED":
        known.pop(uid, None)
        return True
    known[uid] = document
    return False


def _list(cluster: Cluster, path: str, query: dict[str, str]) -> tuple[str, dict[str, Document]]:
    found: dict[str, Document] = {}
    version = ""
    for page in cluster.pages(path, query):
        found |= {item["metadata"]["uid"]: item for item in page["items"]}
        version = page["metadata"]["resourceVersion"]
    return version, found


def _watch(cluster: Cluster, path: str, query: dict[str, str], version: str) -> Iterator[tuple[str, Document]]:
    query = {
        **query,
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": version,
        "timeoutSeconds": str(_SERVER_ENDS_SECONDS),
    }
    for line in cluster.lines(path, query, _SILENCE_SECONDS):
        event = json.loads(line)
        yield event["type"], event["object"]


class Feed:
    """The changes of several collections in one place, gathered by threads that end with the process."""

    def __init__(self, cluster: Cluster):
        self._cluster = cluster
        self._queue: queue.Queue[Change | Exception] = queue.Queue()

    def add(
        self,
        topic: str,
        path: str,
        query: dict[str, str],
        *,
        known: dict[str, Document] | None = None,
        optional: bool = False,
    ) -> None:
        """Follow a collection too; `known` as for `changes`. What is `optional` may be forbidden or missing."""
        self.add_stream(changes(self._cluster, topic, path, query, dict(known or {})), optional=optional)

    def add_stream(self, stream: Iterator[Change], *, optional: bool = False) -> None:
        """What a thread of its own reads from an iterator."""
        threading.Thread(target=self._gather, args=(stream, optional), daemon=True).start()

    def next(self, seconds: float) -> Change | None:
        """The next change; None when there is none within so many seconds. Raises what the gathering raised."""
        try:
            item = self._queue.get(timeout=seconds)
        except queue.Empty:
            return None
        if isinstance(item, Exception):
            raise item
        return item

    def _gather(self, stream: Iterator[Change], optional: bool) -> None:
        try:
            for change in stream:
                self._queue.put(change)
        except ReconstructionError as error:
            if not optional:
                self._queue.put(error)
        except Exception as error:  # the edge of the thread: a defect is reported where the commands' are
            self._queue.put(error)
