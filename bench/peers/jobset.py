"""JobSet (Kubernetes SIG Apps): sets of Jobs that start and fail together; written in Go with controller-runtime.

Its webhooks are registered as in its own manifests, at the address where the program listens on this machine.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from devcluster.build import build_jobset, components_of, definitions_of
from devcluster.cluster import Cluster
from devcluster.kubectl import Kubectl
from devcluster.versions import JOBSET
from harness.operator_process import free_port
from reconstruction_operator import paths

from ..measuring import Document
from ..setting import Bench
from .kinds import install
from .peer import Child, Peer, launch, pod_spec

LABEL = "jobset.sigs.k8s.io/jobset-name"


class JobSet(Peer):
    name, version, language = "JobSet", JOBSET, "Go"
    makes = "a Job, a Service, status"

    def __init__(self) -> None:
        self._webhook_port = free_port()

    def install(self, at: Bench) -> None:
        build_jobset(print)
        install(at.cluster, definitions_of("jobset"))
        Kubectl(at.cluster.kubeconfig).apply(*webhooks(components_of("jobset"), at.cluster, self._webhook_port))

    def start(self, at: Bench, access: Path, log: Path) -> subprocess.Popen[bytes]:
        certificates = at.folder / "jobset-pki"
        certificates.mkdir()
        shutil.copy(at.cluster.root / "pki/apiserver.crt", certificates / "tls.crt")
        shutil.copy(at.cluster.root / "pki/apiserver.key", certificates / "tls.key")
        settings = at.folder / "jobset.json"
        settings.write_text(json.dumps(self._settings(certificates)))
        return launch(log, build_jobset(print), f"--config={settings}", f"--kubeconfig={access}", "--zap-log-level=2")

    def _settings(self, certificates: Path) -> dict[str, Any]:
        """What it comes with, but for addresses and certificates, and leader election, which no operator here uses."""
        return {
            "apiVersion": "config.jobset.x-k8s.io/v1alpha1",
            "kind": "Configuration",
            "leaderElection": {"leaderElect": False},
            "internalCertManagement": {"enable": False},
            "webhook": {"host": "127.0.0.1", "port": self._webhook_port, "certDir": str(certificates)},
            "metrics": {"bindAddress": "0", "certDir": str(certificates)},
            "health": {"healthProbeBindAddress": f"127.0.0.1:{free_port()}"},
        }

    def job(self, name: str) -> Document:
        template = {"spec": {"template": {"spec": pod_spec()}}}
        spec = {"replicatedJobs": [{"name": "work", "replicas": 1, "template": template}]}
        return {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "metadata": {"name": name}, "spec": spec}

    def jobs(self, namespace: str) -> str:
        return f"/apis/jobset.x-k8s.io/v1alpha2/namespaces/{namespace}/jobsets"

    def children(self, namespace: str) -> list[Child]:
        return [Child.with_label(paths.child_jobs(namespace), LABEL)]


def webhooks(components: Path, cluster: Cluster, port: int) -> list[Document]:
    """Its webhook configurations with their patches, for a program on this machine instead of one behind a Service."""
    folder = components / "webhook"
    authority = base64.b64encode((cluster.root / "pki/ca.crt").read_bytes()).decode()
    documents = [each for each in yaml.safe_load_all((folder / "manifests.yaml").read_text()) if each]
    for document in documents:
        kind = "mutating" if document["kind"].startswith("Mutating") else "validating"
        for patch in yaml.safe_load((folder / "patches" / f"{kind}-patch.yaml").read_text()):
            document["webhooks"][int(patch["path"].rpartition("/")[2])] = patch["value"]
        document["metadata"]["name"] = f"jobset-{document['metadata']['name']}"
        for each in document["webhooks"]:
            path = each["clientConfig"]["service"]["path"]
            each["clientConfig"] = {"url": f"https://127.0.0.1:{port}{path}", "caBundle": authority}
    return documents
