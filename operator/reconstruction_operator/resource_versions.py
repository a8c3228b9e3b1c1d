"""Which of two sights of an object is the newer one, also after the object is gone."""

from __future__ import annotations

import math
from collections import OrderedDict

_MOST_GONE = 10_000
"""An answer is late by seconds; in these not more objects go away."""


class Versions:
    """Answers to our own writes, listings and watch events may arrive in any order; only the newest counts. -1 stands
    for a version that is not known."""

    def __init__(self, most_gone: int = _MOST_GONE) -> None:
        self._seen: dict[str, int] = {}
        self._gone: OrderedDict[str, float] = OrderedDict()
        self._most_gone = most_gone

    def is_newer(self, uid: str, version: int) -> bool:
        """Whether the sight is worth anything; it is remembered then.

        The sight of an object from before it went away is worth nothing. Only one that had lost its label, and so was
        gone for us, is seen again later.
        """
        if uid in self._gone and version <= self._gone[uid]:
            return False
        if 0 <= version <= self._seen.get(uid, -1):
            return False
        self._seen[uid] = version
        return True

    def seen(self, uid: str) -> int:
        """The newest version of the object that was seen; -1 when none was."""
        return self._seen.get(uid, -1)

    def confirm(self, uid: str, version: int) -> None:
        """The object was there when it was asked for, whatever a watch had said: one that loses its label is gone for
        the watch."""
        self._gone.pop(uid, None)
        self._seen[uid] = max(version, self._seen.get(uid, -1))

    def forget(self, uid: str, version: int = -1) -> None:
        """The object was gone at this version; where that is not known, it never comes back."""
        self._seen.pop(uid, None)
        self._gone[uid] = max(version if version >= 0 else math.inf, self._gone.get(uid, -1))
        self._gone.move_to_end(uid)
        while len(self._gone) > self._most_gone:
            self._gone.popitem(last=False)
