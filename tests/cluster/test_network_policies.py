"""The chart's NetworkPolicies where something enforces them: who reaches whom, and whether a job still works."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster import processes
from devcluster.cluster import Cluster
from devcluster.kubectl import Kubectl
from devcluster.versions import NODE_IP
from harness.workbench import JobUnderTest
from reconstruction_api.names import LABEL_JOB

from .pods import restricted_pod
from .stub_bench import WAITS_FOR_FENCE, stub_workbench
from .waiting import eventually

pytestmark = [pytest.mark.node, pytest.mark.usefixtures("kubernetes_tools")]

CHART = Path(__file__).parents[2] / "charts" / "reconstruction-operator"
LISTEN = """
import socket, sys, threading
for port in map(int, sys.argv[1:]):
    server = socket.create_server(("", port))
    threading.Thread(target=lambda server=server: [server.accept()[0].close() for _ in iter(int, 1)]).start()
"""
CONNECT = """
import socket, sys
from concurrent.futures import ThreadPoolExecutor
def reaches(target):
    host, _, port = target.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
        return True
    except OSError:
        return False
with ThreadPoolExecutor() as pool:
    print(*[target for target, reached in zip(sys.argv[1:], pool.map(reaches, sys.argv[1:])) if reached])
"""


@pytest.fixture(scope="module")
def cluster(node_cluster: Cluster) -> Iterator[Cluster]:
    """The cluster with a node; no other test's pods are subject to policies."""
    node_cluster.enforce_network_policies()
    yield node_cluster
    node_cluster.ignore_network_policies()
    assert "KUBE-" not in processes.run("iptables-save", "--table=filter")


def rendered(kubectl: Kubectl, namespace: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    """What the chart makes for an operator in a namespace."""
    command = ["helm", "template", "operator", CHART, f"--namespace={namespace}", "--values=-"]
    text = processes.run(*command, environment=kubectl.environment, text=json.dumps(values))
    return [each for each in yaml.safe_load_all(text) if each]


def apply_policies(kubectl: Kubectl, namespace: str, values: dict[str, Any]) -> None:
    """Make the NetworkPolicies of an operator in a namespace, and no other thing of the chart."""
    for each in rendered(kubectl, namespace, values):
        if each["kind"] == "NetworkPolicy":
            Kubectl(kubectl.kubeconfig, each["metadata"]["namespace"]).apply(each)


def for_workers(namespace: str, egress: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Values of the chart for the policy of a namespace with jobs."""
    chosen = {} if egress is None else {"egress": egress}
    return {"worker": {"networkPolicy": {"enabled": True, "namespaces": [namespace], **chosen}}}


@dataclass
class Place:
    """Pods that listen, by the names that the tests give them; names of namespaces begin with `prefix`."""

    kubectl: Kubectl
    image: str
    prefix: str

    def namespace(self, name: str) -> str:
        return f"{self.prefix}-{name}"

    def inside(self, name: str) -> Kubectl:
        return Kubectl(self.kubectl.kubeconfig, self.namespace(name))

    def add(
        self, namespace: str, name: str, labels: dict[str, str], *ports: int, named: dict[str, int] | None = None
    ) -> None:
        pod = restricted_pod(name, self.image, ["python3", "-c", LISTEN, *map(str, ports)])
        pod["metadata"]["labels"] = labels
        named = named or {"http": ports[0]}
        pod["spec"]["containers"][0]["ports"] = [{"name": name, "containerPort": port} for name, port in named.items()]
        low_ports = {"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}
        pod["spec"]["securityContext"]["sysctls"] = [low_ports]
        self.inside(namespace).apply(pod)

    def address(self, namespace: str, name: str) -> str:
        pod = self.inside(namespace).get(f"pod/{name}")
        return (pod or {}).get("status", {}).get("podIP", "")

    def reached(self, namespace: str, name: str, targets: dict[str, str]) -> set[str]:
        """Names of those targets (HOST:PORT by name) that a pod can connect to."""
        said = self.inside(namespace)("exec", name, "--", "python3", "-c", CONNECT, *targets.values())
        return {each for each, address in targets.items() if address in said.split()}


@pytest.fixture
def place(cluster: Cluster, python_image: str) -> Iterator[Place]:
    """An operator of two replicas, two workers and a stranger beside them, and a storage; each pod listens on some
    ports."""
    kubectl = Kubectl(cluster.kubeconfig)
    made = Place(kubectl, python_image, f"net-{secrets.token_hex(3)}")
    namespaces = ["system", "museum", "storage"]
    kubectl.apply(
        *[{"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": made.namespace(name)}} for name in namespaces]
    )
    for name in namespaces:  # without the account pods are refused
        made.inside(name)("wait", "--for=create", "serviceaccount/default", "--timeout=180s")
    deployment = next(each for each in rendered(kubectl, made.namespace("system"), {}) if each["kind"] == "Deployment")
    for name in ("operator", "replica"):
        template = deployment["spec"]["template"]
        named = {each["name"]: each["containerPort"] for each in template["spec"]["containers"][0]["ports"]}
        made.add("system", name, template["metadata"]["labels"], 8080, 8081, 9999, named=named)
    made.add("museum", "worker", {LABEL_JOB: "statue"}, 7000)
    made.add("museum", "other-worker", {LABEL_JOB: "vase"}, 7000)
    made.add("museum", "stranger", {}, 7000)
    made.add("storage", "minio", {}, 9000, 9001, 443, 53)
    yield made
    kubectl("delete", "--wait=false", *[f"namespace/{made.namespace(name)}" for name in namespaces])


def all_targets(place: Place) -> dict[str, str]:
    pods = {
        "operator": ("system", [8080, 8081, 9999]),
        "replica": ("system", [8080, 8081, 9999]),
        "worker": ("museum", [7000]),
        "other-worker": ("museum", [7000]),
        "stranger": ("museum", [7000]),
        "minio": ("storage", [9000, 9001, 443, 53]),
    }
    return {
        f"{name}:{port}": f"{place.address(namespace, name)}:{port}"
        for name, (namespace, ports) in pods.items()
        for port in ports
    }


def seen(place: Place) -> dict[str, list[str]]:
    """What each pod reaches of the others."""
    targets = all_targets(place)
    found: dict[str, list[str]] = {}
    pods = (("museum", "worker"), ("museum", "stranger"), ("storage", "minio"), ("system", "replica"))
    for namespace, name in pods:
        others = {each: address for each, address in targets.items() if not each.startswith(f"{name}:")}
        found[name] = sorted(place.reached(namespace, name, others))
    return found


def expect(place: Place, expected: dict[str, list[str]]) -> None:
    last: dict[str, list[str]] = {}

    def as_expected() -> bool:
        nonlocal last
        last = seen(place)
        return last == expected

    assert eventually(as_expected, interval=1), f"reached: {json.dumps(last)}"


def test_the_charts_policies_let_through_what_a_job_needs_and_nothing_else(place: Place) -> None:
    for namespace in ("system", "museum", "storage"):
        place.inside(namespace)("wait", "pods", "--all", "--for=condition=Ready", "--timeout=120s")
    operator, replica = ([f"{name}:{port}" for port in (8080, 8081, 9999)] for name in ("operator", "replica"))
    minio, workers = ["minio:443", "minio:53", "minio:9000", "minio:9001"], ["other-worker:7000", "worker:7000"]
    operators, stranger = [*operator, *replica], ["stranger:7000"]
    expect(
        place,
        {
            "worker": sorted([*minio, *operators, "other-worker:7000", *stranger]),
            "stranger": sorted([*minio, *operators, *workers]),
            "minio": sorted([*operators, *workers, *stranger]),
            "replica": sorted([*minio, *operator, *workers, *stranger]),
        },
    )

    system, museum = place.namespace("system"), place.namespace("museum")
    fenced = {"networkPolicy": {"enabled": True}}
    # Nobody reaches workers, nor the workers' port who is neither a worker nor a replica, nor metrics who is not named.
    others = {"stranger": minio, "minio": stranger, "replica": [*minio, "operator:8081", *stranger]}
    apply_policies(place.kubectl, system, fenced | for_workers(museum))
    # By default HTTPS goes to public addresses only, and a pod's is private.
    expect(place, {"worker": ["minio:53", "operator:8081", "replica:8081"], **others})

    storage = {"matchLabels": {"kubernetes.io/metadata.name": place.namespace("storage")}}
    egress = [{"to": [{"namespaceSelector": storage}], "ports": [{"port": 9000}]}]
    scraped = {"networkPolicy": {"enabled": True, "from": [{"namespaceSelector": storage}]}}
    apply_policies(place.kubectl, system, scraped | for_workers(museum, egress))
    others["minio"] = ["operator:8080", "replica:8080", *stranger]
    expect(place, {"worker": ["minio:53", "minio:9000", "operator:8081", "replica:8081"], **others})


async def test_a_job_whose_pods_reach_the_operator_alone_comes_to_its_end(
    cluster: Cluster, python_image: str, tmp_path: Path
) -> None:
    async with stub_workbench(cluster.kubeconfig, python_image, tmp_path / "operator.log") as work:
        kubectl = Kubectl(cluster.kubeconfig)
        port = int(work.operator.workers_url.rpartition(":")[2])
        egress = [{"to": [{"ipBlock": {"cidr": f"{NODE_IP}/32"}}], "ports": [{"port": port}]}]
        apply_policies(kubectl, "default", for_workers(work.namespace, egress))
        case = JobUnderTest(work, "statue")
        await case.create(training={"seed": WAITS_FOR_FENCE})
        job = await case.until("Succeeded")
        metrics = job["status"]["metrics"]
        assert metrics["answers"] == "200 401 403 403"
        assert metrics["apiServer"] == "unreachable"
