"""Which tests share a process when the suite runs in several (`make test`, pytest-xdist).

Tests of the same cluster stay together, because a process starts a cluster once and this machine can be the node of
only one at a time. All others stay together by file, so that what a file prepares is prepared once. The tests of the
clusters come first: they take longest and mostly wait, and what computes fits in between.
"""

from __future__ import annotations

import os

import pytest

from tests.cluster.fixtures import GIVEN_KUBECONFIG, GIVEN_NODE_KUBECONFIG

CLUSTERS = {"node": {"node_kubeconfig", "node_cluster"}, "api": {"kubeconfig"}}
"""Groups, in the order in which they start, with the fixtures that tell them."""
PROCESSES = "PYTEST_XDIST_WORKER_COUNT"


def group(items: list[pytest.Item]) -> None:
    """Mark each test with its group and put the clusters' groups first; within a group the order stays."""
    fixtures: dict[str, set[str]] = {}
    for item in items:
        fixtures.setdefault(str(item.path), set()).update(getattr(item, "fixturenames", ()))
    groups = {path: _cluster(names) or path for path, names in fixtures.items()}
    order = [*CLUSTERS]
    items.sort(key=lambda item: order.index(name) if (name := groups[str(item.path)]) in order else len(order))
    for item in items:
        item.add_marker(pytest.mark.xdist_group(groups[str(item.path)]))


def share_processors() -> None:
    """Keep each test process to its part of the processors: threads that fight for them slow each other down."""
    if PROCESSES in os.environ:
        threads = str(max(1, (os.cpu_count() or 1) // int(os.environ[PROCESSES])))
        os.environ |= {"OMP_NUM_THREADS": threads, "NUMBA_NUM_THREADS": threads}


def _cluster(fixtures: set[str]) -> str | None:
    found = next((name for name, needed in CLUSTERS.items() if needed & fixtures), None)
    given = os.environ.get(GIVEN_KUBECONFIG)
    return "node" if found and given and given == os.environ.get(GIVEN_NODE_KUBECONFIG) else found
