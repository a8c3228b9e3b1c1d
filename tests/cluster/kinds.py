"""The custom resources of a cluster that several tests share."""

from __future__ import annotations

from devcluster.kubectl import Kubectl
from reconstruction_api.names import CLUSTER_PROFILE_PLURAL, GROUP, JOB_PLURAL, PROFILE_PLURAL

_CRDS = [f"{kind}.{GROUP}" for kind in (JOB_PLURAL, PROFILE_PLURAL, CLUSTER_PROFILE_PLURAL)]


def make_way_for_helm(kubectl: Kubectl) -> None:
    """Helm refuses to take over what a release did not create: take away what tests before have installed, by another
    release or without Helm."""
    for name in _CRDS:
        crd = kubectl.get(f"crd/{name}")
        owner = (crd or {"metadata": {}})["metadata"].get("annotations", {}).get("meta.helm.sh/release-namespace")
        if crd is not None and owner != kubectl.namespace:
            kubectl("delete", f"crd/{name}", "--wait")
