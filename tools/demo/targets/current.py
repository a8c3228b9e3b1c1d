"""A cluster that is there already."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from devcluster import tools
from devcluster.errors import DevclusterError

from .base import HARDWARE, Target, Tasks, without_gpu


class Current(Target):
    """The cluster that kubectl talks to by default, with images from a registry that it can pull from."""

    def __init__(self) -> None:
        self.operator_image = _image_from("DEMO_OPERATOR_IMAGE")
        self.worker_image = _image_from("DEMO_WORKER_IMAGE")
        self.helper_image = ":".join(self.worker_image)

    def tasks(self, say: Callable[[str], None]) -> Tasks:
        return {"kubectl and helm": tools.install}

    def up(self, say: Callable[[str], None]) -> None:
        version = self.kubectl("default")("version", "--output=json")
        say(f"using the current cluster, Kubernetes {json.loads(version)['serverVersion']['gitVersion']}")

    def down(self) -> None:
        """The cluster and what was installed there stay."""

    def values(self) -> dict[str, Any]:
        def image(reference: tuple[str, str]) -> dict[str, str]:
            return {"repository": reference[0], "tag": reference[1]}

        hardware = {"cpu": HARDWARE, "gpu": without_gpu(HARDWARE), "workspace": {"size": "20Gi"}}
        return {
            "image": image(self.operator_image),
            "worker": {"image": image(self.worker_image)},
            "defaultProfile": {"spec": hardware},
        }


def _image_from(variable: str) -> tuple[str, str]:
    """Repository and tag of the image that an environment variable names."""
    reference = os.environ.get(variable, "")
    repository, colon, tag = reference.rpartition(":")
    if not colon or "/" in tag:
        raise DevclusterError(f"DEMO_CLUSTER=current needs {variable}=REPOSITORY:TAG, an image the cluster can pull")
    return repository, tag
