"""Kueue's controller beside a control plane: jobs with a queue's label wait until the queue has room for them.

Its webhooks are left out: they fill in defaults and refuse mistakes, and admission works without them.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

from . import tools
from .api import Api
from .build import definitions_of
from .kubectl import Kubectl
from .processes import recall, spawn, stop_named

PROCESS: Final = "kueue"
WEBHOOK_PORT, HEALTH_PORT = 2000, 2001
"""Relative to the API server's port."""
METRICS_CERTIFICATES: Final = Path("/etc/kueue/metrics/certs")
"""Kueue reads these when it does not make its own, served or not; no option names another place. Needs root."""
_DEFINITIONS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def start(root: Path, api: Api, port: int, programs: Path) -> None:
    """Install Kueue's kinds and run `programs`, its controller; returns when it is ready."""
    if recall(root / f"{PROCESS}.pid") is not None:
        return
    tools.install()
    names = [_define(root, api, file) for file in definitions_of("kueue")]
    log = root / f"{PROCESS}.log"
    for name in names:
        api.wait(f"CustomResourceDefinition {name}", lambda api, name=name: _is_established(api, name), log)
    api.create("/api/v1/namespaces", {"metadata": {"name": "kueue-system"}})
    certificates = root / "kueue-pki"
    for folder in (certificates, METRICS_CERTIFICATES):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / "pki/apiserver.crt", folder / "tls.crt")
        shutil.copy(root / "pki/apiserver.key", folder / "tls.key")
    (root / "kueue.json").write_text(json.dumps(_configuration(port, certificates)))
    spawn(
        root,
        PROCESS,
        programs,
        f"--config={root}/kueue.json",
        f"--kubeconfig={root}/admin.kubeconfig",
        "--feature-gates=VisibilityOnDemand=false",
    )
    api.wait("Kueue", lambda _: "Starting workers" in log.read_text(errors="replace"), log)


def stop(root: Path) -> None:
    """End the controller, if it runs."""
    stop_named(root, PROCESS)


def _define(root: Path, api: Api, file: Path) -> str:
    """Create a CustomResourceDefinition with its newest version only: converting others needs a webhook."""
    kubectl = Kubectl(root / "admin.kubeconfig")
    definition = json.loads(
        kubectl("create", "--dry-run=client", "--validate=false", "--output=json", f"--filename={file}")
    )
    spec = definition["spec"]
    newest = max(spec["versions"], key=lambda version: version["name"])
    spec["versions"] = [newest | {"storage": True, "served": True}]
    spec.pop("conversion", None)
    api.create(_DEFINITIONS, definition)
    return definition["metadata"]["name"]


def _is_established(api: Api, name: str) -> bool:
    conditions = (api.get(f"{_DEFINITIONS}/{name}") or {}).get("status", {}).get("conditions") or []
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


def _configuration(port: int, certificates: Path) -> dict[str, Any]:
    return {
        "apiVersion": "config.kueue.x-k8s.io/v1beta2",
        "kind": "Configuration",
        "namespace": "kueue-system",
        "health": {"healthProbeBindAddress": f"127.0.0.1:{port + HEALTH_PORT}"},
        "metrics": {"bindAddress": "0"},
        "webhook": {"host": "127.0.0.1", "port": port + WEBHOOK_PORT, "certDir": str(certificates)},
        "internalCertManagement": {"enable": False},
        "leaderElection": {"leaderElect": False},
        "integrations": {"frameworks": ["batch/job"]},
    }
