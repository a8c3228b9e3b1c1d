"""The embedded cluster itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from devcluster import node, processes
from devcluster.cluster import Cluster, remove_orphans
from devcluster.errors import DevclusterError, NodeTakenError
from devcluster.kubectl import Kubectl

from .pods import restricted_pod

pytestmark = pytest.mark.usefixtures("kubernetes_tools")


@pytest.mark.cluster
def test_an_api_server_accepts_objects_and_controllers_react_to_them(kubeconfig: Path) -> None:
    kubectl = Kubectl(kubeconfig, "reacts")
    kubectl("create", "namespace", "reacts")
    kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=180s")


@pytest.mark.cluster
def test_a_second_cluster_of_the_same_name_is_refused(kubeconfig: Path) -> None:
    with pytest.raises(DevclusterError, match="is running already"):
        Cluster(kubeconfig.parent.name).up(with_node=False)


@pytest.mark.cluster
def test_one_more_user_has_only_the_rights_that_a_role_gives(kubeconfig: Path) -> None:
    access = Cluster(kubeconfig.parent.name).add_user("guest")
    guest = Kubectl(access)
    with pytest.raises(DevclusterError, match='User "guest" cannot list'):
        guest("get", "pods")
    Kubectl(kubeconfig)("create", "rolebinding", "guest", "--clusterrole=view", "--user=guest")
    guest("get", "pods")


@pytest.mark.cluster
@pytest.mark.usefixtures("kubeconfig")
def test_a_cluster_whose_owner_was_killed_is_removed_by_the_next_one() -> None:
    name = f"test-orphan-{os.getpid()}"
    start = f"Cluster({name!r}).up(with_node=False, owner=os.getpid())"
    script = f"import os\nfrom devcluster.cluster import Cluster\n{start}\n"
    subprocess.run([sys.executable, "-c", script], check=True, env=os.environ | {"PYTHONPATH": ":".join(sys.path)})
    orphan = Cluster(name)
    assert orphan.is_running()
    pid = processes.recall(orphan.root / "kube-apiserver.pid")
    assert remove_orphans() == [name]
    assert pid is not None
    assert processes.start_time(pid) is None
    assert not orphan.root.exists()


@pytest.mark.node
def test_a_restricted_pod_keeps_files_on_a_claim_and_reaches_the_api_server(
    node_kubeconfig: Path, python_image: str
) -> None:
    kubectl = Kubectl(node_kubeconfig, "restricted")
    kubectl("create", "namespace", "restricted")
    kubectl("label", "namespace", "restricted", "pod-security.kubernetes.io/enforce=restricted")
    kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "files"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }
    )
    program = (
        "import os, socket, pathlib;"
        "address = os.environ['KUBERNETES_SERVICE_HOST'], int(os.environ['KUBERNETES_SERVICE_PORT']);"
        "socket.create_connection(address, 10).close();"
        "file = pathlib.Path('/files/greeting'); file.write_text('kept'); print(file.read_text())"
    )
    pod = restricted_pod("writer", python_image, ["python3", "-c", program], claims={"files": "/files"})
    kubectl.apply(pod)
    kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/writer", "--timeout=180s")
    assert kubectl("logs", "writer").strip() == "kept"


@pytest.mark.node
def test_a_second_node_is_refused_while_one_runs(node_cluster: Cluster) -> None:
    with pytest.raises(NodeTakenError, match=f"{node_cluster.name} already runs the node"):
        node.claim(Cluster("another").root)


@pytest.mark.node
def test_a_program_can_be_run_in_a_pod(node_kubeconfig: Path, python_image: str) -> None:
    kubectl = Kubectl(node_kubeconfig)
    kubectl.apply(restricted_pod("sleeper", python_image, ["python3", "-c", "import signal; signal.pause()"]))
    kubectl("wait", "--for=condition=Ready", "pod/sleeper", "--timeout=180s")
    assert kubectl("exec", "sleeper", "--", "id", "-u").strip() == "65532"
    kubectl("delete", "pod/sleeper", "--grace-period=0", "--force")
