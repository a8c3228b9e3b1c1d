"""A real Kubernetes for tests, started at most once a session and stopped when no test is left that needs it.

`kubeconfig` is enough for everything that talks to an API server: objects, watches, admission, RBAC, child Jobs that
never start. `node_kubeconfig` also runs pods. They are different clusters: no test of the first kind sees a pod start.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster import images, packages, prometheus, tools
from devcluster.cluster import Cluster, remove_orphans
from devcluster.errors import NodeTakenError

GIVEN_KUBECONFIG = "RECONSTRUCTION_TEST_KUBECONFIG"
GIVEN_NODE_KUBECONFIG = "RECONSTRUCTION_TEST_NODE_KUBECONFIG"
NODE_WAIT_SECONDS = 500


_running: dict[str, Cluster] = {}


def stop(purpose: str) -> None:
    """Stop a cluster that no later test needs; what it computes while nobody asks it is missing elsewhere."""
    if purpose in _running:
        _running.pop(purpose).down()


def start(purpose: str, *, with_node: bool, programs: Path | None = None) -> Iterator[Path]:
    """Run a cluster of this session's own, named after its process."""
    remove_orphans()
    cluster = _running[purpose] = Cluster(f"test-{purpose}-{os.getpid()}")
    try:
        yield up_when_free(cluster, with_node, programs)
    finally:
        stop(purpose)


def up_when_free(cluster: Cluster, with_node: bool, programs: Path | None) -> Path:
    """Start the cluster; another test session on this machine may be using its only node, and is waited for."""
    deadline = time.monotonic() + NODE_WAIT_SECONDS
    while True:
        try:
            return cluster.up(with_node=with_node, programs=programs, owner=os.getpid())
        except NodeTakenError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


@pytest.fixture(scope="session")
def kubeconfig() -> Iterator[Path]:
    """Path of a kubeconfig with an administrator's rights on a Kubernetes that need not run pods.

    RECONSTRUCTION_TEST_KUBECONFIG names an existing cluster; KUBEBUILDER_ASSETS a folder with etcd and kube-apiserver
    (as unpacked by setup-envtest; then nothing but the API server runs: no garbage collection, no service accounts).
    Otherwise Kubernetes is compiled, which takes minutes the first time.
    """
    if given := os.environ.get(GIVEN_KUBECONFIG):
        yield Path(given)
        return
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    yield from start("cluster", with_node=False, programs=Path(assets) if assets else None)


@pytest.fixture(scope="session")
def node_kubeconfig() -> Iterator[Path]:
    """Path of a kubeconfig with an administrator's rights on a Kubernetes that runs pods.

    RECONSTRUCTION_TEST_NODE_KUBECONFIG names an existing cluster; otherwise this machine becomes its only node.
    """
    if given := os.environ.get(GIVEN_NODE_KUBECONFIG):
        yield Path(given)
        return
    if os.geteuid():
        pytest.skip(f"running pods needs root, or a cluster named by {GIVEN_NODE_KUBECONFIG}")
    yield from start("node", with_node=True)


@pytest.fixture(scope="session")
def node_cluster(node_kubeconfig: Path) -> Cluster:
    """The embedded cluster behind `node_kubeconfig`, for what only it can do: loading images, reading logs."""
    if os.environ.get(GIVEN_NODE_KUBECONFIG):
        pytest.skip("this test needs the embedded cluster")
    return Cluster(node_kubeconfig.parent.name)


@pytest.fixture(scope="session")
def kubernetes_tools() -> Path:
    """Folder with kubectl and helm."""
    packages.install(packages.CONTROL_PLANE)
    return tools.install()


@pytest.fixture(scope="session")
def prometheus_tools() -> Path:
    """Folder with prometheus and promtool."""
    return prometheus.install()


@pytest.fixture(scope="session")
def python_image(node_cluster: Cluster) -> str:
    """Name of an image with Python 3.11 and little else, there on the embedded node."""
    packages.install(packages.IMAGES)
    node_cluster.load(images.python_base())
    return images.PYTHON
