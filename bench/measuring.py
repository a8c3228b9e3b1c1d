"""Tools of the operator's benchmark: what is seen when, calls in parallel, and what a process uses."""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Any

import aiohttp

from devcluster.cluster import Cluster
from harness.operator_process import OperatorProcess
from reconstruction_api.names import LABEL_CLASS, LABEL_JOB
from reconstruction_operator.informer import Informer, Kind
from reconstruction_operator.kube import Kube
from reconstruction_operator.model import JobKey

CLIENTS = 20
Document = dict[str, Any]


@dataclass
class Seen:
    """Objects of a kind by name, each with the moment it was first seen as wanted."""

    wanted: Callable[[Document], bool]
    named: Callable[[Document], str] = lambda document: document["metadata"]["name"]
    at: dict[str, float] = field(default_factory=dict)

    def upsert(self, document: Document) -> JobKey | None:
        if self.wanted(document):
            self.at.setdefault(self.named(document), time.monotonic())
        return None

    @asynccontextmanager
    async def watching(self, kube: Kube, path: str, selector: str = "") -> AsyncIterator[Seen]:
        kind = Kind(path.rpartition("/")[2], lambda document: document, self.upsert, lambda _: None, dict)
        informer = Informer(kube, path, selector, kind, lambda *_: None)
        task = asyncio.create_task(informer.run())
        await informer.synced.wait()
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, number: int, seconds: float = 900) -> None:
        async with asyncio.timeout(seconds):
            while len(self.at) < number:  # noqa: ASYNC110 - counted by a watch
                await asyncio.sleep(0.02)


class ChildJobs(Seen):
    """The child Jobs of one resource class, or of all."""

    def __init__(self, resource_class: str = "") -> None:
        super().__init__(lambda job: resource_class in ("", job["metadata"]["labels"][LABEL_CLASS]))
        self.names: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self.starts: dict[str, float] = {}
        """When each job's first child Job was seen."""

    def upsert(self, document: Document) -> JobKey | None:
        marks = document["metadata"]["labels"]
        self.names[marks[LABEL_JOB], marks[LABEL_CLASS]].add(document["metadata"]["name"])
        if self.wanted(document):
            self.starts.setdefault(marks[LABEL_JOB], time.monotonic())
        return super().upsert(document)

    @property
    def duplicates(self) -> int:
        """No attempt fails here: whatever is more than one child Job of a class is one too many."""
        return sum(len(names) - 1 for names in self.names.values())


async def in_parallel(count: int, make: Callable[[int], Awaitable[Any]]) -> float:
    """Seconds for `count` calls over a fixed number of connections."""
    numbers = iter(range(count))

    async def client() -> None:
        for number in numbers:
            await make(number)

    started = time.monotonic()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return time.monotonic() - started


async def metric(operator: OperatorProcess, name: str) -> float:
    """The value of a metric, summed over its labels."""
    async with aiohttp.ClientSession() as session, session.get(f"{operator.url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))


def quantile(values: list[float], share: float) -> float:
    """The value that this share of the values does not exceed, rounded to milliseconds."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 3)


class Meter:
    """Processor time that everything that takes part has used since the meter was made: the programs of the cluster,
    the operator (by its pid), and this process, which makes the load and plays the node."""

    def __init__(self, cluster: Cluster, operator: int | None = None):
        pids = {name: pid for name, pid in cluster.processes().items() if pid is not None}
        if operator is not None:
            pids["operator"] = operator
        self._pids = pids | {"benchmark": os.getpid()}
        self._before = self._seconds()

    def milliseconds_for_each(self, count: int) -> dict[str, float]:
        """By program, and in all."""
        used = {name: (now - self._before[name]) / count * 1000 for name, now in self._seconds().items()}
        return {name: round(each, 2) for name, each in (used | {"all": sum(used.values())}).items()}

    def _seconds(self) -> dict[str, float]:
        return {name: _cpu_seconds(pid) for name, pid in self._pids.items()}


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_rss_mib(process: Popen[bytes] | None) -> float:
    """Most resident memory so far."""
    assert process is not None
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024, 1)
