"""The cluster that this machine becomes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from devcluster import build, images, processes, tools
from devcluster.cluster import Cluster, remove_orphans
from devcluster.errors import DevclusterError
from devcluster.versions import NODE_IP

from .. import layout
from .base import OPERATOR_IMAGE, TAG, WORKER_IMAGE, Target, Tasks, development_profile

SERVICE_IP: Final = "10.0.0.80"
SERVICE_PORT: Final = 8080
RESTART_SECONDS: Final = 120
"""Within which kubelet starts an operator again that was killed several times; it waits a little longer each time."""


class Embedded(Target):
    """A single-node cluster on this machine. Worker pods use the virtual environment of this repository through
    read-only host paths, so that no image of several gigabytes has to be built and loaded."""

    helper_image = f"{WORKER_IMAGE}:{TAG}"
    node_address = NODE_IP

    def __init__(self, cluster: Cluster | None = None, keep: bool = False):
        self.cluster = cluster or Cluster("demo")
        self.keep = keep
        self.archives: list[Path] = []

    @property
    def kubeconfig(self) -> Path:
        return self.cluster.kubeconfig

    def tasks(self, say: Callable[[str], None]) -> Tasks:
        return {
            "Kubernetes: compiling what is missing, kubectl, helm": lambda: (tools.install(), build.build(say)),
            "images: a base made by debootstrap, the operator, the worker's system libraries": self.build_images,
        }

    def build_images(self) -> None:
        """Make the operator's image and a worker image without Python packages."""
        base = images.python_base()
        dockerfiles = (
            ("Dockerfile.operator", f"{OPERATOR_IMAGE}:{TAG}", None),
            ("Dockerfile.worker", f"{WORKER_IMAGE}:{TAG}", "thin"),
        )
        self.archives = [
            images.build(layout.ROOT / name, tag, target=target, base=base) for name, tag, target in dockerfiles
        ]

    def up(self, say: Callable[[str], None]) -> None:
        remove_orphans()
        if not self.cluster.has_node():
            self.cluster.up(with_node=True, owner=None if self.keep else os.getpid(), say=say)
        for archive in self.archives:
            self.cluster.load(archive)

    def down(self) -> None:
        if not self.keep:
            self.cluster.down()

    def values(self) -> dict[str, Any]:
        return {
            "image": {"repository": OPERATOR_IMAGE, "tag": TAG, "pullPolicy": "Never"},
            # a cluster that was kept gets new pods when the image of that name has changed
            "podAnnotations": {"image-digest": images.digest(self.archives[0])},
            # pods have no cluster DNS here, so the Service gets an address that is known beforehand
            "service": {"clusterIP": SERVICE_IP, "port": SERVICE_PORT},
            "progress": {"url": f"http://{SERVICE_IP}:{SERVICE_PORT}"},
            "worker": {"image": {"repository": WORKER_IMAGE, "tag": TAG}},
            "defaultProfile": {"spec": development_profile(layout.ROOT, layout.site_packages())},
        }

    def kill_operator(self) -> None:
        """The process is visible from the node, which is this machine: a true SIGKILL, and the same pod restarts it."""
        deadline = time.monotonic() + RESTART_SECONDS
        while not (operators := self._operators()):
            if time.monotonic() > deadline:
                raise DevclusterError("the operator's process was not found on the node")
            time.sleep(0.5)
        processes.kill(operators)

    def _operators(self) -> list[int]:
        shims = processes.with_argument("containerd-shim-runc-v2", str(self.cluster.root / "containerd.sock"))
        below = {pid for shim in shims for pid in processes.descendants(shim)}
        return [pid for pid in below if "reconstruction_operator" in processes.arguments(pid)]
