"""What the API server stores: objects with versions, and the log of their changes that watches are served from."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import orjson

from reconstruction_operator.kube import ApiError
from reconstruction_operator.times import format_time

Document = dict[str, Any]


class Place(NamedTuple):
    """Where an object is. `kind` is the plural; an object without a namespace has an empty one."""

    kind: str
    namespace: str
    name: str


class Change(NamedTuple):
    """One object before and after; None where there was, or is, none."""

    version: int
    place: Place
    before: Document | None
    after: Document | None


class Time(Protocol):
    def now(self) -> datetime: ...


class Objects:
    """Documents are never changed once they are stored: a change makes another one."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._objects: dict[str, dict[Place, Document]] = {}
        self._uids = itertools.count(1)
        self.version = 1000
        """Of the newest change of all; one more for each, as etcd counts."""
        self.changes: list[Change] = []
        self.compacted = 0
        """Changes up to this version can't be asked for any more."""
        self.changed: list[Callable[[Change], None]] = []
        """Told of each change."""

    def get(self, place: Place) -> Document | None:
        return self._objects.get(place.kind, {}).get(place)

    def all(self, kind: str, namespace: str = "") -> list[Document]:
        """In the order of creation."""
        found = self._objects.get(kind, {}).items()
        return [each for place, each in found if not namespace or place.namespace == namespace]

    def places(self, kind: str) -> list[Place]:
        return list(self._objects.get(kind, {}))

    def uids(self) -> set[str]:
        return {each["metadata"]["uid"] for objects in self._objects.values() for each in objects.values()}

    def create(self, place: Place, manifest: Document, uid: str = "") -> Document:
        """Raises ApiError where there is such an object already. It gets a uid of its own unless one is given."""
        if self.get(place) is not None:
            raise ApiError(409, "AlreadyExists", f'{place.kind} "{place.name}" already exists')
        given = {
            "name": place.name,
            "uid": uid or f"uid-{next(self._uids)}",
            "creationTimestamp": format_time(self._now()),
            "generation": 1,
        }
        metadata = manifest["metadata"] | given | ({"namespace": place.namespace} if place.namespace else {})
        return self._store(place, manifest | {"metadata": metadata})

    def change(self, place: Place, **members: Any) -> Document:
        """With other top-level members. What is the same afterwards has not been changed: it keeps its version."""
        before = self._objects[place.kind][place]
        after = before | members
        if after == before:
            return before
        if "spec" in members and before.get("spec") != after.get("spec"):
            metadata = after["metadata"]
            after["metadata"] = metadata | {"generation": metadata.get("generation", 0) + 1}
        return self._store(place, after)

    def mark(self, place: Place, **metadata: Any) -> Document:
        """With other members of its metadata; those that are None go."""
        known = self._objects[place.kind][place]["metadata"] | metadata
        return self.change(place, metadata={name: value for name, value in known.items() if value is not None})

    def remove(self, place: Place) -> None:
        before = self._objects[place.kind].pop(place)
        self.version += 1
        self._log(Change(self.version, place, before, None))

    def compact(self) -> None:
        """As etcd does every few minutes: older changes are forgotten."""
        self.compacted = self.version
        self.changes.clear()

    def since(self, version: int) -> Iterator[Change]:
        """The changes after a version, oldest first."""
        first = len(self.changes)
        while first and self.changes[first - 1].version > version:
            first -= 1
        return iter(self.changes[first:])

    def _store(self, place: Place, document: Document) -> Document:
        before = self.get(place)
        self.version += 1
        after = document | {"metadata": document["metadata"] | {"resourceVersion": str(self.version)}}
        self._objects.setdefault(place.kind, {})[place] = after
        self._log(Change(self.version, place, before, after))
        return after

    def _log(self, change: Change) -> None:
        self.changes.append(change)
        for each in self.changed:
            each(change)


def copied(document: Document) -> Document:
    """As it arrives at the other end of a connection."""
    return orjson.loads(orjson.dumps(document))


def labels(document: Document) -> Mapping[str, str]:
    return document["metadata"].get("labels") or {}


def matches(document: Document | None, selector: str) -> bool:
    """`key` or `key=value`; an empty one takes all."""
    if document is None:
        return False
    key, among, names = selector.partition(" in ")
    if among:
        return labels(document).get(key) in names.strip("()").split(",")
    key, equals, value = selector.partition("=")
    return not selector or (labels(document).get(key) == value if equals else key in labels(document))


def controller(document: Document) -> str:
    """uid of the object's controller; empty when it has none."""
    owners = document["metadata"].get("ownerReferences") or []
    return next((each["uid"] for each in owners if each.get("controller")), "")
