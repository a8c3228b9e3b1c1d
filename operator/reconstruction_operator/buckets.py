"""How often something may be tried: a few times at once, then as often as the bucket fills up again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

_CAPACITY = 4096


class Buckets:
    """A bucket of `burst` tries for each key, refilled by one every `refill_seconds`. Of many keys the least recently
    used is forgotten, and with it that it was empty."""

    def __init__(self, clock: Callable[[], float], burst: int, refill_seconds: float, capacity: int = _CAPACITY):
        self._clock = clock
        self._burst = burst
        self._refill_seconds = refill_seconds
        self._capacity = capacity
        self._levels: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        """The tries that were left, and when."""

    def take(self, key: Hashable) -> bool:
        """Whether one more try is allowed; it is counted then."""
        now = self._clock()
        level, since = self._levels.pop(key, (float(self._burst), now))
        level = min(float(self._burst), level + (now - since) / self._refill_seconds)
        allowed = level >= 1
        self._levels[key] = (level - 1 if allowed else level, now)
        while len(self._levels) > self._capacity:
            self._levels.popitem(last=False)
        return allowed
