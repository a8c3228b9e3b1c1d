"""Access as a pod has it: by a service account's token. An administrator's client certificate, which no operator in a
cluster has, is verified anew at every request."""

from __future__ import annotations

import json
from pathlib import Path

from devcluster.cluster import Cluster
from reconstruction_operator.kube import Kube, load_configuration

_ACCOUNT = "bench"
_ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
_BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
_SECONDS = 86_400


async def token_kubeconfig(cluster: Cluster, folder: Path) -> Path:
    """A kubeconfig in `folder` with the token of a new service account that may do everything."""
    kube = Kube(await load_configuration(str(cluster.kubeconfig)))
    try:
        await kube.create(_ACCOUNTS, {"metadata": {"name": _ACCOUNT}})
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
        subject = {"kind": "ServiceAccount", "namespace": "default", "name": _ACCOUNT}
        await kube.create(_BINDINGS, {"metadata": {"name": _ACCOUNT}, "roleRef": role, "subjects": [subject]})
        answer = await kube.create(f"{_ACCOUNTS}/{_ACCOUNT}/token", {"spec": {"expirationSeconds": _SECONDS}})
    finally:
        await kube.close()
    config = json.loads(cluster.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": answer["status"]["token"]}
    path = folder / "kubeconfig"
    path.touch(mode=0o600)
    path.write_text(json.dumps(config))
    return path
