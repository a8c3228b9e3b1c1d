"""Which jobs publish where: two jobs of a namespace must not have objects in common."""

from __future__ import annotations

from typing import NamedTuple

from reconstruction_api.destination import overlap

from .model import JobKey


class Publisher(NamedTuple):
    """A job with a destination; they are ordered by who was first."""

    created: str
    key: JobKey
    prefix: str


class PublishedPrefixes:
    """By namespace: between namespaces, the prefixes that profiles demand keep jobs apart, and the check of
    `latest.json` in the worker does. Buckets of the same name may be in different storage there."""

    def __init__(self) -> None:
        self._publishers: dict[str, dict[JobKey, Publisher]] = {}

    def add(self, key: JobKey, created: str, prefix: str) -> None:
        """`prefix` ends with `/`; a job without one is not remembered."""
        if prefix:
            self._publishers.setdefault(key.namespace, {})[key] = Publisher(created, key, prefix)

    def remove(self, key: JobKey) -> None:
        known = self._publishers.get(key.namespace, {})
        known.pop(key, None)
        if not known:
            self._publishers.pop(key.namespace, None)

    def rival(self, key: JobKey) -> str:
        """Name of the earliest job that came before this one and whose prefix overlaps with its own; empty where there
        is none."""
        own = self._publishers.get(key.namespace, {}).get(key)
        before = [other for other in self._beside(key) if own is not None and other < own]
        return min(before).key.name if before else ""

    def after(self, key: JobKey) -> tuple[JobKey, ...]:
        """The jobs whose prefixes overlap with this one's: they may have waited for it to go."""
        return tuple(sorted(other.key for other in self._beside(key)))

    def _beside(self, key: JobKey) -> list[Publisher]:
        publishers = self._publishers.get(key.namespace, {})
        own = publishers.get(key)
        if own is None:
            return []
        return [other for other in publishers.values() if other.key != key and overlap(other.prefix, own.prefix)]
