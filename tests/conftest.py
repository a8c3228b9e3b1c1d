"""Fixtures for all tests: one cluster of each kind a session, whoever asks for it."""

from tests.cluster.fixtures import kubeconfig, kubernetes_tools, node_cluster, node_kubeconfig, python_image

__all__ = ["kubeconfig", "kubernetes_tools", "node_cluster", "node_kubeconfig", "python_image"]
