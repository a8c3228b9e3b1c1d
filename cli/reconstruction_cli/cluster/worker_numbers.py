"""The running stage's numbers from the worker's own log.

The operator writes them into status only as often as the cluster can afford; the log has them every two seconds. Who
may not read it (`pods/log`) sees those of the status.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

from reconstruction_api.text import plain
from reconstruction_api.worker import Progress

from .connection import Cluster, Disconnected, Document
from .follow import Change, Feed
from .jobs import Job
from .log_lines import progress_of, record_of
from .pod_logs import CONTAINER, log_path, pods_of

PROGRESS: Final = "progress"
"""Topic of the numbers in a feed; the document of a change is a record of the log."""
_LINES_BEFORE: Final = 20
"""How much of a log is read to know where the worker is."""
_BREATH_SECONDS: Final = 1.0


class WorkerNumbers:
    """Adds the numbers of whichever pod runs for a job to a feed."""

    def __init__(self, cluster: Cluster, job: Job, feed: Feed):
        self._cluster = cluster
        self._feed = feed
        self._followed: set[str] = set()
        self._current = ""
        path, query = pods_of(cluster, job)
        feed.add("Pod", path, query, optional=True)

    def pod_changed(self, change: Change) -> bool:
        """Whether the numbers of before are no longer true: their pod has ended, or another one runs."""
        uid, runs = change.document["metadata"]["uid"], not change.deleted and _runs(change.document)
        if runs and uid not in self._followed:
            self._followed.add(uid)
            self._current = uid
            stream = _numbers(self._cluster, change.document["metadata"]["name"])
            self._feed.add_stream(stream, optional=True)
            return True
        if not runs and uid == self._current:
            self._current = ""
            return True
        return False


def numbers_in(change: Change) -> Progress | None:
    """What the worker's record says; its texts in one line each."""
    record: Any = plain(change.document)
    return progress_of(record)


def _numbers(cluster: Cluster, pod: str) -> Iterator[Change]:
    query = {"container": CONTAINER, "follow": "true", "tailLines": str(_LINES_BEFORE)}
    while True:
        try:
            for line in cluster.lines(log_path(cluster, pod), query, None):
                record = record_of(line.decode(errors="replace"))
                if record is not None and record.get("msg") == PROGRESS:
                    yield Change(PROGRESS, dict(record))
            return
        except Disconnected:
            time.sleep(_BREATH_SECONDS)


def _runs(pod: Document) -> bool:
    statuses: list[Document] = pod.get("status", {}).get("containerStatuses") or []
    return any(each.get("name") == CONTAINER and "running" in each.get("state", {}) for each in statuses)
