"""Fixtures for all tests: one cluster of each kind a session, whoever asks for it."""

import signal

from tests.cluster.fixtures import kubeconfig, kubernetes_tools, node_cluster, node_kubeconfig, python_image

__all__ = ["kubeconfig", "kubernetes_tools", "node_cluster", "node_kubeconfig", "python_image"]


def pytest_configure() -> None:
    """A shell's background jobs are started with SIGINT ignored, and so would be the programs that tests interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
