"""A workbench on a cluster with a real node, whose jobs' pods run the stub worker."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from devcluster.versions import NODE_IP
from harness.operator_process import free_port
from harness.workbench import API, Workbench, workbench

STUB = Path(__file__).parent / "stub_worker"
WAITS, EATS_MEMORY, WAITS_FOR_FENCE = 1, 2, 4
"""What the stub does with such a `training.seed`."""


@asynccontextmanager
async def stub_workbench(kubeconfig: Path, image: str, log: Path, **flags: str) -> AsyncIterator[Workbench]:
    """An operator that pods can reach, and a ClusterReconstructionProfile whose pods run the stub from the host."""
    port = str(free_port())
    address = f"http://{NODE_IP}:{port}"
    async with workbench(
        kubeconfig, log, running=True, http_host="0.0.0.0", progress_port=port, progress_url=address, **flags
    ) as made:
        made.profile = f"stub-{secrets.token_hex(4)}"
        await create_stub_profile(made, made.profile, image)
        yield made
        page = await made.kube.get(f"{API}/clusterreconstructionprofiles")
        for each in page["items"]:
            if each["metadata"]["name"].startswith(made.profile):
                await made.kube.request("DELETE", f"{API}/clusterreconstructionprofiles/{each['metadata']['name']}")


async def create_stub_profile(work: Workbench, name: str, image: str, **changes: Any) -> None:
    """`changes` replace fields of the profile's spec."""
    limits = {"limits": {"memory": "64Mi"}}
    spec = {
        "engines": [{"name": "nerfacto", "image": image}],
        "imagePullPolicy": "Never",
        "workspace": {"size": "1Gi"},
        "sharedMemory": "16Mi",
        "cpu": limits,
        "gpu": limits,
        "terminationGraceSeconds": 10,
        "hostPaths": [{"path": str(STUB), "mountPath": "/stub"}],
        "environment": {"PYTHONPATH": "/stub"},
    }
    document = {
        "apiVersion": "reconstruction.dev/v1alpha1",
        "kind": "ClusterReconstructionProfile",
        "metadata": {"name": name},
        "spec": spec | changes,
    }
    await work.kube.create(f"{API}/clusterreconstructionprofiles", document)
