"""The custom resources of a cluster that several tests share."""

from __future__ import annotations

from devcluster.kubectl import Kubectl
from reconstruction_api.names import CLUSTER_PROFILE_PLURAL, GROUP, JOB_PLURAL, PROFILE_PLURAL

_CRDS = [f"{kind}.{GROUP}" for kind in (JOB_PLURAL, PROFILE_PLURAL, CLUSTER_PROFILE_PLURAL)]


def make_way_for_helm(kubectl: Kubectl) -> None:
    """Helm refuses to take over what it did not create: take away what tests before have installed in another way."""
    for name in _CRDS:
        crd = kubectl.get(f"crd/{name}")
        if crd is not None and crd["metadata"].get("labels", {}).get("app.kubernetes.io/managed-by") != "Helm":
            kubectl("delete", f"crd/{name}", "--wait")
