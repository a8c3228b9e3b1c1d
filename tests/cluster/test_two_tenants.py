"""What a user of one namespace can't do to another tenant or to the nodes, through any field of a job.

The user has the rights that the chart's roles give an editor of a namespace, and no others.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster import processes
from devcluster.kubectl import Kubectl
from harness.operator_process import OperatorProcess
from harness.rest import GROUP, Answer, Rest
from harness.workbench import CRDS

from .waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("kubernetes_tools")]

CHART = Path(__file__).parents[2] / "charts" / "reconstruction-operator"
ALICE = "alice"
Spec = dict[str, Any]


@dataclass
class Tenants:
    """Alice edits namespace `own`; `other` is somebody else's. A profile of the platform team serves both."""

    rest: Rest
    own: str
    other: str
    profile: str

    def as_alice(self, method: str, path: str, document: Spec | None = None, **options: str) -> Answer:
        return self.rest.send(method, path, json.dumps(document) if document else "", user=ALICE, **options)

    def jobs(self, namespace: str) -> str:
        return f"{GROUP}/namespaces/{namespace}/reconstructionjobs"

    def submit(self, name: str, namespace: str | None = None, **spec: Any) -> Answer:
        """Alice creates a job."""
        spec = {"profileName": self.profile, "source": {"uri": "s3://captures/statue/"}} | spec
        document = {
            "apiVersion": "reconstruction.dev/v1alpha1",
            "kind": "ReconstructionJob",
            "spec": spec,
            "metadata": {"name": name},
        }
        return self.as_alice("POST", self.jobs(namespace or self.own), document)

    def condition(self, name: str, kind: str) -> dict[str, str]:
        job = self.rest.send("GET", f"{self.jobs(self.own)}/{name}").body
        return next((each for each in job.get("status", {}).get("conditions", []) if each["type"] == kind), {})

    def children(self, namespace: str) -> list[Spec]:
        return self.rest.send("GET", f"/apis/batch/v1/namespaces/{namespace}/jobs").body["items"]

    def child(self, name: str) -> Spec:
        """The first child Job of one of Alice's jobs."""
        found: list[Spec] = []

        def exists() -> bool:
            owned = [c for c in self.children(self.own) if c["metadata"]["ownerReferences"][0]["name"] == name]
            found.extend(owned)
            return bool(owned)

        assert eventually(exists)
        return found[0]


@pytest.fixture(scope="module")
def tenants(kubeconfig: Path, kubernetes_tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenants]:
    del kubernetes_tools
    rest, mark = Rest(kubeconfig), secrets.token_hex(3)
    rest.install(CRDS)
    made = Tenants(rest, f"alice-{mark}", f"bob-{mark}", f"shared-{mark}")
    kubectl = Kubectl(kubeconfig)
    text = processes.run(
        "helm",
        "template",
        f"tenants-{mark}",
        str(CHART),
        "--show-only=templates/tenant-roles.yaml",
        environment=kubectl.environment,
    )
    roles = [document for document in yaml.safe_load_all(text) if document]
    for role in roles:
        role["metadata"]["name"] += f"-{mark}"
    namespaces = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": n}} for n in (made.own, made.other)]
    profile = {
        "apiVersion": "reconstruction.dev/v1alpha1",
        "kind": "ClusterReconstructionProfile",
        "metadata": {"name": made.profile},
        "spec": {
            "engines": [{"name": "nerfacto", "image": "platform/worker:1"}],
            "cpu": {"nodeSelector": {"pool": "shared"}},
            "serviceAccountName": "default",
            "queueNames": [],
            "priorityClassNames": ["batch"],
        },
    }
    kubectl.apply(*namespaces, *roles, profile)
    kubectl("create", "rolebinding", "editor", "--clusterrole=edit", f"--user={ALICE}", f"--namespace={made.own}")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys", "namespace": made.other}}
    Kubectl(kubeconfig, made.other).apply(secret)
    operator = OperatorProcess(
        kubeconfig, tmp_path_factory.mktemp("tenants") / "log", namespaces=f"{made.own},{made.other}"
    )
    operator.start()
    asyncio.run(operator.answers())
    # the controller manager merges the chart's rules into `edit` a moment after they were created
    assert eventually(lambda: made.as_alice("GET", made.jobs(made.own)).status == 200)
    yield made
    operator.stop()
    kubectl(
        "delete",
        f"clusterreconstructionprofile/{made.profile}",
        f"namespace/{made.own}",
        f"namespace/{made.other}",
        *(f"clusterrole/{role['metadata']['name']}" for role in roles),
        "--wait=false",
    )


FIELDS: dict[str, Spec] = {
    "image": {"image": "evil/miner"},
    "image of the engine": {"engine": {"name": "nerfacto", "image": "evil/miner"}},
    "command": {"command": ["sh"]},
    "environment": {"environment": {"LD_PRELOAD": "/x"}},
    "environment of the training": {"training": {"env": [{"name": "A", "value": "b"}]}},
    "node": {"nodeName": "control-plane"},
    "node selector": {"nodeSelector": {"node-role.kubernetes.io/control-plane": ""}},
    "tolerations": {"tolerations": [{"operator": "Exists"}]},
    "runtime class": {"runtimeClassName": "privileged"},
    "service account": {"serviceAccountName": "admin"},
    "image pull secret": {"imagePullSecrets": [{"name": "registry"}]},
    "security context": {"securityContext": {"privileged": True}},
    "host path": {"hostPaths": [{"path": "/", "mountPath": "/host"}]},
    "host path as source": {"source": {"hostPath": {"path": "/etc"}}},
    "file of the node": {"source": {"uri": "file:///etc/shadow"}},
    "path of the node": {"source": {"uri": "/etc/shadow"}},
    "volumes": {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]},
    "pod template": {"template": {"spec": {"hostNetwork": True}}},
    "storage class": {"workspace": {"storageClassName": "fast"}},
    "resources": {"resources": {"limits": {"nvidia.com/gpu": 8}}},
    "limits": {"limits": {"maxSteps": 10**6}},
    "secret of another namespace": {"source": {"uri": "s3://a/b", "secretName": "bob/keys"}},
    "secret's namespace": {"source": {"uri": "s3://a/b", "secretName": "keys", "secretNamespace": "bob"}},
    "claim of another namespace": {"source": {"persistentVolumeClaim": {"claimName": "bob/photos"}}},
    "claim's namespace": {"source": {"persistentVolumeClaim": {"claimName": "photos", "namespace": "bob"}}},
    "job of another namespace": {"source": {"jobRef": {"name": "bob/statue"}}},
    "job's namespace": {"source": {"jobRef": {"name": "statue", "namespace": "bob"}}},
    "path out of the claim": {"source": {"persistentVolumeClaim": {"claimName": "photos", "path": "../../bob"}}},
    "absolute path in the claim": {"source": {"persistentVolumeClaim": {"claimName": "photos", "path": "/etc"}}},
    "profile of another namespace": {"profileName": "bob/profile"},
    "queue of another namespace": {"queueName": "bob/queue"},
    "priority class by path": {"priorityClassName": "../system-node-critical"},
}
"""Attempts for which a job has no field, or a field that takes no such value."""


@pytest.mark.parametrize("attempt", FIELDS)
def test_the_api_server_takes_no_such_job(tenants: Tenants, attempt: str) -> None:
    answer = tenants.submit("attempt", **FIELDS[attempt])
    assert answer.status in (400, 422), f"{attempt} was taken"
    assert answer.message


def _from(uri: str) -> Spec:
    return {"source": {"uri": uri}}


REFUSED: dict[str, tuple[Spec, str, str]] = {
    "system-priority": (
        {"priorityClassName": "system-node-critical"}, "LimitExceeded", "spec.priorityClassName"),
    "queue": ({"queueName": "gpus"}, "LimitExceeded", "spec.queueName"),
    "engine": ({"engine": "splatfacto"}, "EngineUnavailable", "spec.engine"),
    "profile": ({"profileName": "bobs-own"}, "ProfileNotFound", "spec.profileName"),
    "metadata": (_from("http://169.254.169.254/latest/"), "AddressNotAllowed", "spec.source.uri"),
    "wire-server": (_from("http://168.63.129.16/machine"), "AddressNotAllowed", "spec.source.uri"),
    "node": (_from("http://0x7f.1:10250/pods"), "AddressNotAllowed", "spec.source.uri"),
    "api-server": (_from("https://kubernetes.default.svc/"), "AddressNotAllowed", "network.allow"),
    "neighbour": (_from("http://minio.bob.svc:9000/photos/"), "AddressNotAllowed", "network.allow"),
}  # fmt: skip
"""Values that only the operator can judge: reason, and the field that its message names."""


@pytest.mark.parametrize("attempt", REFUSED)
def test_the_operator_runs_no_such_job(tenants: Tenants, attempt: str) -> None:
    spec, reason, field = REFUSED[attempt]
    assert tenants.submit(attempt, **spec).status == 201
    assert eventually(lambda: tenants.condition(attempt, "Accepted").get("reason") == reason)
    assert field in tenants.condition(attempt, "Accepted")["message"]
    assert not [c for c in tenants.children(tenants.own) if c["metadata"]["name"].startswith(f"{attempt}-")]


def test_a_profile_in_another_namespace_is_not_found(tenants: Tenants) -> None:
    document = {
        "apiVersion": "reconstruction.dev/v1alpha1",
        "kind": "ReconstructionProfile",
        "metadata": {"name": "bobs"},
        "spec": {"engines": [{"name": "nerfacto", "image": "bob/secret"}]},
    }
    path = f"{GROUP}/namespaces/{tenants.other}/reconstructionprofiles"
    assert tenants.rest.send("POST", path, json.dumps(document)).status == 201
    tenants.submit("borrow", profileName="bobs")
    assert eventually(lambda: tenants.condition("borrow", "Accepted").get("reason") == "ProfileNotFound")


def test_secrets_and_claims_named_in_a_job_are_those_of_its_own_namespace(tenants: Tenants) -> None:
    """`keys` exists in the other namespace only: the pod is made beside the job, where kubelet finds none."""
    tenants.submit("thief", source={"uri": "s3://captures/bob/", "secretName": "keys"})
    child = tenants.child("thief")
    pod = child["spec"]["template"]["spec"]
    assert child["metadata"]["namespace"] == tenants.own
    assert {v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v} == {"keys"}
    assert "envFrom" not in pod["containers"][0]
    tenants.submit("mount", source={"persistentVolumeClaim": {"claimName": "photos"}})
    child = tenants.child("mount")
    claims = [
        v["persistentVolumeClaim"] for v in child["spec"]["template"]["spec"]["volumes"] if "persistentVolumeClaim" in v
    ]
    assert child["metadata"]["namespace"] == tenants.own
    assert {"claimName": "photos", "readOnly": True} in claims


def test_image_node_account_and_rights_of_the_pod_are_the_platforms(tenants: Tenants) -> None:
    tenants.submit("plain", training={"steps": 7})
    pod = tenants.child("plain")["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert (container["image"], pod["nodeSelector"], pod["serviceAccountName"]) == (
        "platform/worker:1",
        {"pool": "shared"},
        "default",
    )
    assert pod["automountServiceAccountToken"] is False and pod["securityContext"]["runAsNonRoot"] is True
    assert not any("hostPath" in volume for volume in pod["volumes"])
    assert not pod.get("hostNetwork") and not pod.get("hostPID") and "priorityClassName" not in pod
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_metadata_of_a_job_does_not_reach_its_pods(tenants: Tenants) -> None:
    """Labels and annotations steer admission webhooks, queues and network policies."""
    document = {
        "apiVersion": "reconstruction.dev/v1alpha1",
        "kind": "ReconstructionJob",
        "metadata": {
            "name": "marked",
            "labels": {"kueue.x-k8s.io/queue-name": "gpus", "team": "bob"},
            "annotations": {"sidecar.istio.io/inject": "true"},
        },
        "spec": {"profileName": tenants.profile, "source": {"uri": "s3://captures/statue/"}},
    }
    assert tenants.as_alice("POST", tenants.jobs(tenants.own), document).status == 201
    child = tenants.child("marked")
    for metadata in (child["metadata"], child["spec"]["template"]["metadata"]):
        assert not {"kueue.x-k8s.io/queue-name", "team"} & metadata["labels"].keys()
        assert "sidecar.istio.io/inject" not in metadata.get("annotations", {})


def test_a_job_can_not_be_given_a_status_by_its_author(tenants: Tenants) -> None:
    """A forged profile snapshot in the status would choose image and host paths."""
    tenants.submit("forged")
    forged = {
        "status": {
            "profile": {
                "kind": "ClusterReconstructionProfile",
                "name": tenants.profile,
                "generation": 1,
                "spec": {"engines": [{"name": "nerfacto", "image": "evil/miner"}]},
            }
        }
    }
    path = f"{tenants.jobs(tenants.own)}/forged"
    merge = "application/merge-patch+json"
    assert tenants.as_alice("PATCH", f"{path}/status", forged, content=merge).status == 403
    assert tenants.as_alice("PATCH", path, forged, content=merge).status == 200  # ignored: status is a subresource
    assert "evil" not in json.dumps(tenants.rest.send("GET", path).body)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "{group}/namespaces/{other}/reconstructionjobs"),
        ("GET", "{group}/namespaces/{other}/reconstructionjobs"),
        ("GET", "{group}/reconstructionjobs"),
        ("POST", "{group}/namespaces/{own}/reconstructionprofiles"),
        ("POST", "{group}/clusterreconstructionprofiles"),
        ("DELETE", "{group}/clusterreconstructionprofiles/{profile}"),
        ("GET", "/api/v1/namespaces/{other}/secrets/keys"),
        ("GET", "/api/v1/namespaces/{other}/pods"),
        ("GET", "/api/v1/namespaces/{other}/persistentvolumeclaims"),
        ("GET", "/apis/batch/v1/namespaces/{other}/jobs"),
    ],
)
def test_an_editor_of_one_namespace_has_no_right_to(tenants: Tenants, method: str, path: str) -> None:
    place = path.format(group=GROUP, own=tenants.own, other=tenants.other, profile=tenants.profile)
    kind = "ReconstructionJob" if "jobs" in path else "ClusterReconstructionProfile"
    document = {"apiVersion": "reconstruction.dev/v1alpha1", "kind": kind, "metadata": {"name": "x"}, "spec": {}}
    assert tenants.as_alice(method, place, document if method == "POST" else None).status == 403
