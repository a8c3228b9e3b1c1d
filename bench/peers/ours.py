"""This operator, measured like the others."""

from __future__ import annotations

import subprocess
from pathlib import Path

from harness.operator_process import OperatorProcess
from harness.workbench import API
from reconstruction_api.names import LABEL_JOB
from reconstruction_operator import paths

from ..measuring import Document
from ..setting import Bench, runs_on
from .peer import Child, Peer


class Ours(Peer):
    name, version, language = "this operator", "", "Python, kopf"
    makes = "a volume claim, a Job, conditions, an Event"

    def start(self, at: Bench, access: Path, log: Path) -> subprocess.Popen[bytes]:
        at.kubelet.otherwise = runs_on
        operator = OperatorProcess(access, log, log_format="json")
        operator.start()
        assert operator.process is not None
        return operator.process

    def job(self, name: str) -> Document:
        spec = {"source": {"uri": f"s3://captures/{name}/"}, "profileName": "test"}
        return {
            "apiVersion": "reconstruction.dev/v1alpha1",
            "kind": "ReconstructionJob",
            "metadata": {"name": name},
            "spec": spec,
        }

    def jobs(self, namespace: str) -> str:
        return f"{API}/namespaces/{namespace}/reconstructionjobs"

    def children(self, namespace: str) -> list[Child]:
        return [Child.with_label(paths.child_jobs(namespace), LABEL_JOB)]
