"""What the demo asks of a cluster."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from devcluster.kubectl import Kubectl

from .. import layout

OPERATOR_IMAGE: Final = "localhost/reconstruction-operator"
WORKER_IMAGE: Final = "localhost/reconstruction-worker"
TAG: Final = "demo"
HARDWARE: Final = {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "4Gi"}}
"""What each worker pod of the demo gets; the node is the machine at hand."""

Tasks = dict[str, Callable[[], object]]


class Target(ABC):
    """Where the demo runs."""

    helper_image: str
    """Image with Python 3.11 for the pods that carry files in and out."""

    node_address: str | None = None
    """At which pods reach programs on this machine; None where they do not."""

    @property
    def kubeconfig(self) -> Path | None:
        """Access to the cluster; None for whatever kubectl uses by itself."""
        return None

    def kubectl(self, namespace: str) -> Kubectl:
        """kubectl for this cluster."""
        return Kubectl(self.kubeconfig, namespace)

    @abstractmethod
    def tasks(self, say: Callable[[str], None]) -> Tasks:
        """What must be ready before `up`; may run in parallel."""

    @abstractmethod
    def up(self, say: Callable[[str], None]) -> None:
        """Start the cluster, if it is this program's to start, and bring the images there."""

    @abstractmethod
    def down(self) -> None:
        """Take down what `up` started."""

    @abstractmethod
    def values(self) -> dict[str, Any]:
        """Values of the chart for this cluster."""

    def kill_operator(self) -> None:
        """End the operator's process with SIGKILL; Kubernetes starts another one."""
        pods = self.kubectl(layout.OPERATOR_NAMESPACE)
        pods("delete", "pod", f"--selector=app.kubernetes.io/instance={layout.RELEASE}", "--grace-period=0", "--force")


def development_profile(repository: Path, site_packages: Path) -> dict[str, Any]:
    """A profile whose pods use this repository and its virtual environment, at these folders of the node."""
    mounts = {
        "/packages/api": repository / "crds",
        "/packages/worker": repository / "worker",
        "/packages/installed": site_packages,
    }
    return {
        "imagePullPolicy": "Never",
        "cpu": HARDWARE,
        "gpu": without_gpu(HARDWARE),
        "sharedMemory": "1Gi",
        "workspace": {"size": "10Gi"},
        "hostPaths": [{"path": str(path), "mountPath": mount} for mount, path in mounts.items()],
        "environment": {"PYTHONPATH": ":".join(mounts)},
    }


def without_gpu(hardware: dict[str, Any]) -> dict[str, Any]:
    """null removes the GPU that the chart's default profile asks for."""
    return {**hardware, "limits": {**hardware["limits"], "nvidia.com/gpu": None}}
