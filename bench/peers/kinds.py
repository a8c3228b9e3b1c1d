"""CustomResourceDefinitions of other projects."""

from __future__ import annotations

from pathlib import Path

from devcluster import tools
from devcluster.cluster import Cluster
from devcluster.kubectl import Kubectl


def install(cluster: Cluster, definitions: list[Path]) -> None:
    """Apply the files and return when the API server serves their kinds."""
    tools.install()
    kubectl, files = Kubectl(cluster.kubeconfig), [f"--filename={file}" for file in definitions]
    kubectl("apply", "--server-side", *files)
    kubectl("wait", "--for=condition=Established", "--timeout=60s", *files)
