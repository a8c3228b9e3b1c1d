"""Which tests share a process when the suite runs in several (`make test`, pytest-xdist).

Tests of the same cluster stay together, because a process starts a cluster once and this machine can be the node of
only one at a time. All others stay together by file, so that what a file prepares is prepared once. The tests of the
clusters come first: they take longest and mostly wait, and what computes fits in between. Then whole runs, then the
worker's stages; at the end what is short, so that no process waits long for the last one.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.cluster.fixtures import GIVEN_KUBECONFIG, GIVEN_NODE_KUBECONFIG

MARKS = {"node": "node_kubeconfig", "cluster": "kubeconfig"}
"""Marks of files whose tests share a cluster, in the order in which they start, and the fixture that needs the mark."""
WORKER = Path(__file__).parent / "worker"
PROCESSES = "PYTEST_XDIST_WORKER_COUNT"


class Sharing(LoadScopeScheduling):
    """Gives the tests of a cluster, or of a file, to one process."""

    def _split_scope(self, nodeid: str) -> str:
        return group(Path(self.config.rootpath, nodeid.split("::")[0]))


@cache
def group(file: Path) -> str:
    """The group of a file of tests."""
    text = file.read_text(encoding="utf-8")
    found = next((mark for mark in MARKS if f"pytest.mark.{mark}" in text), None)
    given = os.environ.get(GIVEN_KUBECONFIG)
    one_cluster = given and given == os.environ.get(GIVEN_NODE_KUBECONFIG)
    return "cluster" if found and one_cluster else found or str(file)


@cache
def turn(file: Path) -> int:
    """When a file's tests start: those with the smallest number first."""
    found = [name == group(file) for name in MARKS]
    return [*found, "pytest.mark.slow" in file.read_text(encoding="utf-8"), file.is_relative_to(WORKER), True].index(
        True
    )


def clusters_done(item: pytest.Item) -> list[str]:
    """Marks of the clusters that no test from this one on needs."""
    return [*MARKS][: turn(item.path)]


def arrange(items: list[pytest.Item]) -> None:
    """Put long tests first; UsageError for a test that asks for a cluster without its file's mark."""
    for item in items:
        for mark, fixture in MARKS.items():
            if fixture in getattr(item, "fixturenames", ()) and item.get_closest_marker(mark) is None:
                raise pytest.UsageError(f"{item.nodeid} uses {fixture}: mark it with pytest.mark.{mark}")
    items.sort(key=lambda item: turn(item.path))


def share_processors() -> None:
    """Keep each test process to its part of the processors: threads that fight for them slow each other down."""
    if PROCESSES in os.environ:
        threads = str(max(1, (os.cpu_count() or 1) // int(os.environ[PROCESSES])))
        os.environ |= {"OMP_NUM_THREADS": threads, "NUMBA_NUM_THREADS": threads}
