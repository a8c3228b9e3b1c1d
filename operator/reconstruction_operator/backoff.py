"""Pauses between attempts that fail one after the other."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_MOST_DOUBLINGS = 32


class Backoff(Generic[K]):
    """Doubles from `first` to `longest` seconds for each key by itself, until it succeeds."""

    def __init__(self, first: float, longest: float):
        self._first = first
        self._longest = longest
        self._failures: dict[K, int] = {}

    def __len__(self) -> int:
        """Keys whose last attempt has failed."""
        return len(self._failures)

    def failed(self, key: K) -> float:
        """How many seconds to wait before the next attempt."""
        count = self._failures[key] = self._failures.get(key, 0) + 1
        return min(self._first * 2.0 ** min(count - 1, _MOST_DOUBLINGS), self._longest)

    def reset(self, key: K) -> None:
        """The attempt has succeeded, or there will be no more."""
        self._failures.pop(key, None)
