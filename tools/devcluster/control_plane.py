"""etcd, API server, controller manager and scheduler."""

from __future__ import annotations

import shutil
import socket
import time
from pathlib import Path
from typing import Final

from .api import Api
from .errors import DevclusterError
from .processes import spawn, stop_named
from .versions import NODE_IP, SERVICE_CIDR

PROCESSES: Final = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
PORT_OFFSETS: Final = (0, 1, 2, 1000, 1001)
"""Ports of a control plane, relative to the API server's: itself, controller manager, scheduler, etcd (two)."""

STORAGE_CLASS: Final = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "host-path", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": "kubernetes.io/host-path",
    "reclaimPolicy": "Delete",
    "volumeBindingMode": "Immediate",
}


def ports_are_free(port: int) -> bool:
    """Whether a control plane could listen on its ports."""
    return all(is_free(port + offset) for offset in PORT_OFFSETS)


def is_free(port: int) -> bool:
    """Whether nothing listens on a TCP port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True


def start(root: Path, programs: Path, port: int, reachable_from_pods: bool) -> Api:
    """Start the processes and return when the API server answers.

    `programs` holds the executables. With etcd and kube-apiserver alone (as in envtest's archives) nothing reacts to
    objects: no controllers, no scheduler.
    """
    if not ports_are_free(port):
        taken = ", ".join(str(port + offset) for offset in PORT_OFFSETS if not is_free(port + offset))
        raise DevclusterError(f"port {taken} is in use; choose another with --port")
    _start_etcd(root, programs, port)
    # Pods reach the API server through the bridge's address, which loopback alone would not serve.
    _start_apiserver(root, programs, port, "0.0.0.0" if reachable_from_pods else "127.0.0.1")
    api = Api(root, port)
    api.wait("a ready API server", lambda api: api.get("/readyz") == "ok", root / "kube-apiserver.log")
    if (programs / "kube-controller-manager").exists():
        _start_controllers(root, programs, port)
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        log = root / "kube-controller-manager.log"
        api.wait("the default service account", lambda api: api.get(account) is not None, log)
        api.create("/apis/storage.k8s.io/v1/storageclasses", STORAGE_CLASS)
    return api


def restart_apiserver(root: Path, programs: Path, port: int, absent_seconds: float) -> None:
    """Stop the API server of a cluster without a node, and start it again after a while; returns when it answers."""
    stop_named(root, "kube-apiserver")
    time.sleep(absent_seconds)
    _start_apiserver(root, programs, port, "127.0.0.1")
    api = Api(root, port)
    api.wait("a ready API server", lambda api: api.get("/readyz") == "ok", root / "kube-apiserver.log")


def replace_data(root: Path, programs: Path, port: int, *, source: Path, target: Path) -> None:
    """Copy etcd's data to a backup, or back, while nothing of the control plane runs; for clusters without a node.
    Returns when the API server answers again."""
    for name in reversed(PROCESSES):
        stop_named(root, name)
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    _start_etcd(root, programs, port)
    _start_apiserver(root, programs, port, "127.0.0.1")
    api = Api(root, port)
    api.wait("a ready API server", lambda api: api.get("/readyz") == "ok", root / "kube-apiserver.log")
    if (programs / "kube-controller-manager").exists():
        _start_controllers(root, programs, port)


def etcd_url(port: int) -> str:
    """Where etcd answers beside the API server of this port."""
    return f"http://127.0.0.1:{port + 1000}"


def _start_etcd(root: Path, programs: Path, port: int) -> None:
    client, peer = etcd_url(port), f"http://127.0.0.1:{port + 1001}"
    spawn(
        root,
        "etcd",
        programs / "etcd",
        f"--data-dir={root}/etcd",
        "--unsafe-no-fsync",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
    )


def _start_apiserver(root: Path, programs: Path, port: int, bind_address: str) -> None:
    pki = root / "pki"
    spawn(
        root,
        "kube-apiserver",
        programs / "kube-apiserver",
        f"--etcd-servers={etcd_url(port)}",
        f"--bind-address={bind_address}",
        f"--advertise-address={NODE_IP}",
        f"--secure-port={port}",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--client-ca-file={pki}/ca.crt",
        f"--service-account-key-file={pki}/sa.pub",
        f"--service-account-signing-key-file={pki}/sa.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        "--authorization-mode=Node,RBAC",
        "--allow-privileged=true",
        f"--requestheader-client-ca-file={pki}/ca.crt",
        "--requestheader-allowed-names=front-proxy",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={pki}/front-proxy.crt",
        f"--proxy-client-key-file={pki}/front-proxy.key",
        f"--kubelet-client-certificate={pki}/admin.crt",
        f"--kubelet-client-key={pki}/admin.key",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        # the node's name resolves nowhere; logs and exec go to its address
        "--kubelet-preferred-address-types=InternalIP",
    )


def _start_controllers(root: Path, programs: Path, port: int) -> None:
    pki = root / "pki"
    spawn(
        root,
        "kube-controller-manager",
        programs / "kube-controller-manager",
        f"--kubeconfig={root}/controller-manager.kubeconfig",
        f"--service-account-private-key-file={pki}/sa.key",
        f"--root-ca-file={pki}/ca.crt",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        f"--secure-port={port + 1}",
        "--enable-hostpath-provisioner=true",
    )
    spawn(
        root,
        "kube-scheduler",
        programs / "kube-scheduler",
        f"--kubeconfig={root}/scheduler.kubeconfig",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        f"--secure-port={port + 2}",
    )
