"""CustomResourceDefinitions of other projects."""

from __future__ import annotations

import time
from pathlib import Path

from devcluster import tools
from devcluster.cluster import Cluster
from devcluster.errors import DevclusterError
from devcluster.kubectl import Kubectl

from ..measuring import Document


def install(cluster: Cluster, definitions: list[Path]) -> None:
    """Apply the files and return when the API server serves their kinds."""
    tools.install()
    kubectl, files = Kubectl(cluster.kubeconfig), [f"--filename={file}" for file in definitions]
    kubectl("apply", "--server-side", *files)
    deadline = time.monotonic() + 60
    while not _are_served(kubectl.get(*files) or {}):  # kubectl wait fails where there are no conditions yet
        if time.monotonic() > deadline:
            raise DevclusterError(f"not served after a minute: {', '.join(file.name for file in definitions)}")
        time.sleep(0.2)


def _are_served(found: Document) -> bool:
    """What kubectl says of one object, or of several."""
    conditions = [each.get("status", {}).get("conditions") or [] for each in found.get("items", [found])]
    return all(any(each["type"] == "Established" and each["status"] == "True" for each in some) for some in conditions)
