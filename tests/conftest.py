"""Fixtures for all tests: one cluster of each kind a session, whoever asks for it."""

import gc
import signal
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from devcluster.cluster import remove_orphans
from tests import sharing
from tests.cluster.fixtures import (
    kubeconfig,
    kubernetes_tools,
    node_cluster,
    node_kubeconfig,
    prometheus_tools,
    python_image,
    stop,
)

__all__ = [
    "kubeconfig",
    "kubernetes_tools",
    "node_cluster",
    "node_kubeconfig",
    "prometheus_tools",
    "python_image",
]


# How fast examples are made depends on what else the machine does; that is no finding.
settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")


def pytest_configure() -> None:
    """A shell's background jobs are started with SIGINT ignored, and so would be the programs that tests interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sharing.share_processors()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    sharing.arrange(items)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported meanwhile stays; looking through it for garbage takes seconds of each process."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, None, None]:
    yield
    if nextitem is not None:
        for mark in sharing.clusters_done(nextitem):
            stop(mark)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> sharing.Sharing:
    return sharing.Sharing(config, log)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Of an interrupted run xdist ends the processes before they have stopped their clusters."""
    if config.getoption("numprocesses", None):
        remove_orphans()
