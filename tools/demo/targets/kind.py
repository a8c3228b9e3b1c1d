"""A cluster made by kind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from devcluster import processes, tools
from devcluster.errors import DevclusterError

from .. import layout
from .base import OPERATOR_IMAGE, TAG, WORKER_IMAGE, Target, Tasks, development_profile


class Kind(Target):
    """A cluster made by kind (https://kind.sigs.k8s.io), with this repository mounted into its node."""

    helper_image = f"{WORKER_IMAGE}:{TAG}"
    name = "reconstruction-demo"
    mounted: Final = {"repository": "/reconstruction/repository", "packages": "/reconstruction/site-packages"}

    def __init__(self, keep: bool = False):
        self.keep = keep

    @property
    def kubeconfig(self) -> Path:
        return layout.ROOT / "out" / "kind.kubeconfig"

    def tasks(self, say: Callable[[str], None]) -> Tasks:
        for program in ("kind", "docker"):
            if not shutil.which(program):
                raise DevclusterError(f"DEMO_CLUSTER=kind needs {program}; without it leave DEMO_CLUSTER unset")
        return {"kubectl and helm": tools.install, "images": self.build_images}

    def build_images(self) -> None:
        """Build with Docker, which takes the base image from its registry."""
        for dockerfile, image, target in (
            ("Dockerfile.operator", OPERATOR_IMAGE, []),
            ("Dockerfile.worker", WORKER_IMAGE, ["--target=thin"]),
        ):
            tag = f"--tag={image}:{TAG}"
            processes.run("docker", "build", *target, tag, f"--file={layout.ROOT / dockerfile}", layout.ROOT)

    def up(self, say: Callable[[str], None]) -> None:
        if self.name not in processes.run("kind", "get", "clusters").split():
            mounts = [
                {"hostPath": str(layout.ROOT), "containerPath": self.mounted["repository"], "readOnly": True},
                {"hostPath": str(layout.site_packages()), "containerPath": self.mounted["packages"], "readOnly": True},
            ]
            configuration = {
                "kind": "Cluster",
                "apiVersion": "kind.x-k8s.io/v1alpha4",
                "nodes": [{"role": "control-plane", "extraMounts": mounts}],
            }
            file = layout.ROOT / "out" / "kind.yaml"
            file.write_text(json.dumps(configuration))
            say("creating the kind cluster")
            processes.run(
                "kind",
                "create",
                "cluster",
                f"--name={self.name}",
                f"--config={file}",
                "--wait=120s",
                f"--kubeconfig={self.kubeconfig}",
            )
        for image in (OPERATOR_IMAGE, WORKER_IMAGE):
            processes.run("kind", "load", "docker-image", f"--name={self.name}", f"{image}:{TAG}")

    def down(self) -> None:
        if not self.keep:
            processes.run("kind", "delete", "cluster", f"--name={self.name}", f"--kubeconfig={self.kubeconfig}")

    def values(self) -> dict[str, Any]:
        folders = (Path(self.mounted["repository"]), Path(self.mounted["packages"]))
        return {
            "image": {"repository": OPERATOR_IMAGE, "tag": TAG, "pullPolicy": "Never"},
            "worker": {"image": {"repository": WORKER_IMAGE, "tag": TAG}},
            "defaultProfile": {"spec": development_profile(*folders)},
        }
