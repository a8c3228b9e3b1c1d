"""The order in which waiting jobs are taken: urgent causes before others, namespaces in turn, and nobody always last.

Causes share the workers by weight (stride scheduling): one that is present gets its share however much waits in the
others. Within a cause the namespaces take turns, so that thousands of jobs of one tenant delay another one's by the
length of one look.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable

from .causes import Cause
from .model import JobKey

_STRIDES = {Cause.CHANGED: 1, Cause.STARTING: 4, Cause.OBSERVED: 8, Cause.ROUTINE: 16}
"""The smaller, the more often: of 23 looks 16 are at jobs that changed, 4 at new ones, 2 at running ones, 1 is routine,
while all of these wait."""


class Lines:
    """Each job waits once, for its most urgent cause."""

    def __init__(self) -> None:
        self._causes: dict[JobKey, Cause] = {}
        self._lines: dict[Cause, OrderedDict[str, OrderedDict[JobKey, None]]] = {each: OrderedDict() for each in Cause}
        """Jobs by namespace, the namespace whose turn it is first."""
        self._passes = dict.fromkeys(Cause, 0)
        self._now = 0

    def __len__(self) -> int:
        return len(self._causes)

    def add(self, key: JobKey, cause: Cause) -> None:
        """To the end of its namespace's line; a job that waits already only comes forward."""
        before = self._causes.get(key)
        if before is not None:
            if before <= cause:
                return
            self._remove(key, before)
        line = self._lines[cause]
        if not line:
            self._passes[cause] = max(self._passes[cause], self._now)  # a share that nobody wanted is not saved up
        line.setdefault(key.namespace, OrderedDict())[key] = None
        self._causes[key] = cause

    def pop(self, causes: Iterable[Cause], is_open: Callable[[Cause, str], bool]) -> tuple[JobKey, Cause] | None:
        """The job that is next for one of the causes, in a namespace that is open for it."""
        for cause in sorted(causes, key=lambda each: (self._passes[each], each)):
            namespace = next((each for each in self._lines[cause] if is_open(cause, each)), None)
            if namespace is not None:
                return self._pop(cause, namespace), cause
        return None

    def _pop(self, cause: Cause, namespace: str) -> JobKey:
        self._now = max(self._now, self._passes[cause])
        self._passes[cause] += _STRIDES[cause]
        key = next(iter(self._lines[cause][namespace]))
        self._remove(key, cause)
        if namespace in self._lines[cause]:
            self._lines[cause].move_to_end(namespace)
        return key

    def _remove(self, key: JobKey, cause: Cause) -> None:
        del self._causes[key]
        jobs = self._lines[cause][key.namespace]
        del jobs[key]
        if not jobs:
            del self._lines[cause][key.namespace]
