"""A namespace of its own for each test, on a real API server. No operator runs: tests write the status they want."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.waiting import eventually

from harness.rest import GROUP, Rest

CRDS = sorted((Path(__file__).parents[3] / "crds").glob("*.yaml"))
JOB = """apiVersion: reconstruction.dev/v1alpha1
kind: ReconstructionJob
metadata:
  name: statue
spec:
  source: {uri: s3://captures/statue/}
"""


class Museum:
    """A namespace with jobs."""

    def __init__(self, rest: Rest, name: str, kubeconfig: Path):
        self.rest = rest
        self.name = name
        self.kubeconfig = kubeconfig

    def send(self, method: str, path: str, body: Any = None, content: str = "application/json") -> dict[str, Any]:
        """A request that must go well; paths that do not begin with '/' are jobs of the namespace."""
        path = path if path.startswith("/") else f"{GROUP}/namespaces/{self.name}/reconstructionjobs/{path}"
        answer = self.rest.send(method, path, json.dumps(body) if body is not None else "", content=content)
        assert answer.status < 300, answer.message
        return answer.body

    def create(self, text: str = JOB) -> dict[str, Any]:
        """A job from YAML."""
        answer = self.rest.send("POST", f"{GROUP}/namespaces/{self.name}/reconstructionjobs", text)
        assert answer.status == 201, answer.message
        return answer.body

    def job(self, name: str = "statue") -> dict[str, Any]:
        return self.send("GET", name)

    def write_status(self, name: str = "statue", **status: Any) -> None:
        """What the operator would write about the spec as it is now; fields that are not given stay."""
        generation = self.job(name)["metadata"]["generation"]
        if "profile" in status:
            status = {"engine": "nerfacto"} | status  # known once the job was accepted
        body = {"status": {"observedGeneration": generation, **status}}
        self.send("PATCH", f"{name}/status", body, "application/merge-patch+json")


def condition(kind: str, status: str, reason: str = "Because", message: str = "") -> dict[str, str]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": "2026-01-31T12:00:00Z",
    }


def stage(name: str, state: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {"name": name, "state": state, "message": message, **more}


def artifact(name: str, content: bytes = b"", sha256: str = "0" * 64) -> dict[str, Any]:
    return {
        "name": name,
        "format": Path(name).suffix[1:].upper(),
        "uri": f"pvc://statue-workspace/artifacts/{name}",
        "sizeBytes": len(content),
        "sha256": sha256,
        "mediaType": "application/octet-stream",
    }


@pytest.fixture(scope="session")
def installed(kubeconfig: Path) -> Rest:
    rest = Rest(kubeconfig)
    rest.install(CRDS)
    return rest


@pytest.fixture
def museum(installed: Rest, kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Museum]:
    """A namespace that the current context names."""
    with museum_on(installed, kubeconfig, tmp_path) as museum:
        monkeypatch.setenv("KUBECONFIG", str(museum.kubeconfig))
        yield museum


@contextlib.contextmanager
def museum_on(rest: Rest, kubeconfig: Path, folder: Path, enforce: str = "privileged") -> Iterator[Museum]:
    """A new namespace with a pod security standard, and in `folder` a kubeconfig whose context names it."""
    name = f"museum-{secrets.token_hex(4)}"
    document = yaml.safe_load(kubeconfig.read_text())
    for context in document["contexts"]:
        context["context"]["namespace"] = name
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    museum = Museum(rest, name, path)
    labels = {"pod-security.kubernetes.io/enforce": enforce}
    museum.send("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
    try:
        account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
        if not os.environ.get(
            "KUBEBUILDER_ASSETS"
        ):  # without the account, which comes a moment later, pods are refused
            assert eventually(lambda: rest.send("GET", account).status == 200)
        yield museum
    finally:
        museum.send("DELETE", f"/api/v1/namespaces/{name}")


def account_token(museum: Museum) -> str:
    """Of a service account without any rights."""
    accounts = f"/api/v1/namespaces/{museum.name}/serviceaccounts"
    museum.send("POST", accounts, {"metadata": {"name": "guest"}})
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    return museum.send("POST", f"{accounts}/guest/token", request)["status"]["token"]


def use_token(kubeconfig: Path, token: str) -> None:
    """Change who the kubeconfig's user is."""
    document = yaml.safe_load(kubeconfig.read_text())
    for user in document["users"]:
        user["user"] = {"token": token}
    kubeconfig.write_text(yaml.safe_dump(document))
