"""The embedded cluster itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devcluster import processes
from devcluster.cluster import Cluster, remove_orphans
from devcluster.errors import DevclusterError


class Kubectl:
    """kubectl for one cluster."""

    def __init__(self, folder: Path, kubeconfig: Path):
        self.command = [str(folder / "kubectl"), f"--kubeconfig={kubeconfig}"]

    def __call__(self, *words: str, text: str | None = None) -> str:
        return subprocess.run(
            [*self.command, *words], input=text, capture_output=True, text=True, check=True, timeout=120
        ).stdout

    def apply(self, *documents: dict[str, Any]) -> None:
        for document in documents:
            self("apply", "-f", "-", text=json.dumps(document))


@pytest.mark.cluster
def test_an_api_server_accepts_objects_and_controllers_react_to_them(kubeconfig: Path, kubernetes_tools: Path) -> None:
    kubectl = Kubectl(kubernetes_tools, kubeconfig)
    kubectl("create", "namespace", "reacts")
    kubectl("wait", "--for=create", "serviceaccount/default", "--namespace=reacts", "--timeout=20s")


@pytest.mark.cluster
def test_a_second_cluster_of_the_same_name_is_refused(kubeconfig: Path) -> None:
    with pytest.raises(DevclusterError, match="is running already"):
        Cluster(kubeconfig.parent.name).up(with_node=False)


@pytest.mark.cluster
def test_a_cluster_whose_owner_was_killed_is_removed_by_the_next_one(kubeconfig: Path) -> None:
    name = f"test-orphan-{os.getpid()}"
    script = (
        f"import os\nfrom devcluster.cluster import Cluster\nCluster({name!r}).up(with_node=False, owner=os.getpid())\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env=os.environ | {"PYTHONPATH": ":".join(sys.path)})
    orphan = Cluster(name)
    assert orphan.is_running()
    pid = processes.recall(orphan.root / "kube-apiserver.pid")
    assert remove_orphans() == [name]
    assert pid is not None
    assert processes.start_time(pid) is None
    assert not orphan.root.exists()
