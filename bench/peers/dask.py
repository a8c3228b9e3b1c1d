"""dask-kubernetes: Dask clusters and jobs; written in Python with kopf, as this operator is.

A DaskJob has a pod that runs the job, and a DaskCluster of a scheduler and workers. It has no workers here: they would
be Deployments on top of what is counted.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

from bootstrap import find_uv
from devcluster.locks import exclusive
from devcluster.processes import run
from devcluster.versions import cache_home

from ..measuring import Document
from ..setting import Bench
from .kinds import install
from .peer import Child, Peer, launch, pod_spec

LOCK = Path(__file__).with_name("dask.txt")
"""Its dependencies, which are none of this project's: uv pip compile --generate-hashes."""
LABEL = "dask.org/cluster-name"
CHART = Path("dask_kubernetes/operator/deployment/helm/dask-kubernetes-operator")


def locked_version() -> str:
    """Of dask-kubernetes in the lock."""
    found = re.search(r"^dask-kubernetes==(\S+)", LOCK.read_text(), re.MULTILINE)
    assert found is not None, "dask-kubernetes is locked"
    return found[1]


class Dask(Peer):
    name, language = "dask-kubernetes", "Python, kopf"
    makes = "a runner Pod, a DaskCluster, its scheduler's Deployment and Service, a DaskWorkerGroup, statuses"

    def __init__(self) -> None:
        self.version = locked_version()

    def install(self, at: Bench) -> None:
        packages = next((environment() / "lib").glob("python*/site-packages"))
        install(at.cluster, sorted((packages / CHART / "crds").glob("*.yaml")))

    def start(self, at: Bench, access: Path, log: Path) -> subprocess.Popen[bytes]:
        command = ("run", "--module=dask_kubernetes.operator.controller", "--all-namespaces")
        return launch(log, environment() / "bin" / "kopf", *command, KUBECONFIG=str(access))

    def job(self, name: str) -> Document:
        ports = [{"name": "tcp-comm", "port": 8786}, {"name": "http-dashboard", "port": 8787}]
        selector = {LABEL: name, "dask.org/component": "scheduler"}
        service = {"type": "ClusterIP", "selector": selector, "ports": ports}
        scheduler = {"spec": pod_spec("scheduler"), "service": service}
        cluster = {"spec": {"worker": {"replicas": 0, "spec": pod_spec("worker")}, "scheduler": scheduler}}
        spec = {"job": {"spec": pod_spec("runner")}, "cluster": cluster}
        return {"apiVersion": "kubernetes.dask.org/v1", "kind": "DaskJob", "metadata": {"name": name}, "spec": spec}

    def jobs(self, namespace: str) -> str:
        return f"/apis/kubernetes.dask.org/v1/namespaces/{namespace}/daskjobs"

    def children(self, namespace: str) -> list[Child]:
        runners = f"/api/v1/namespaces/{namespace}/pods"
        schedulers = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        return [
            Child.with_label(runners, LABEL, "dask.org/component=job-runner"),
            Child.with_label(schedulers, LABEL, "dask.org/component=scheduler"),
        ]


def environment() -> Path:
    """A virtual environment with exactly what is locked, made where it is not there yet."""
    folder = cache_home() / "peers" / f"dask-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    with exclusive("peers"):
        if not (folder / "complete").exists():
            uv = find_uv()
            print(f"installing dask-kubernetes {locked_version()}", flush=True)
            shutil.rmtree(folder, ignore_errors=True)
            run(uv, "venv", "--quiet", "--python", sys.executable, folder)
            wanted = ("--require-hashes", "--compile-bytecode", f"--requirement={LOCK}")
            run(uv, "pip", "install", "--quiet", f"--python={folder}/bin/python", *wanted)
            (folder / "complete").touch()
    return folder
