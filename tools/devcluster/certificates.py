"""The cluster's own certificate authority, certificates and kubeconfig files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from .processes import run
from .versions import API_SERVICE_IP, NODE_IP, NODE_NAME

_NAMES: Final = "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc"
_CLIENT: Final = "extendedKeyUsage=clientAuth"
_NEW_KEY: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_DAYS: Final = "3650"

CERTIFICATES: Final = {
    "apiserver": ("/CN=kube-apiserver", f"subjectAltName={_NAMES},IP:127.0.0.1,IP:{API_SERVICE_IP},IP:{NODE_IP}"),
    "admin": ("/O=system:masters/CN=admin", _CLIENT),
    "controller-manager": ("/CN=system:kube-controller-manager", _CLIENT),
    "scheduler": ("/CN=system:kube-scheduler", _CLIENT),
    "kubelet": (
        f"/O=system:nodes/CN=system:node:{NODE_NAME}",
        f"extendedKeyUsage=clientAuth,serverAuth\nsubjectAltName=DNS:{NODE_NAME},IP:{NODE_IP}",
    ),
    "proxy": ("/CN=system:kube-proxy", _CLIENT),
    "front-proxy": ("/CN=front-proxy", _CLIENT),
}
"""Name -> subject and extensions."""
CLIENTS: Final = ("admin", "controller-manager", "scheduler", "kubelet", "proxy")


def create(root: Path, port: int) -> None:
    """Write `root/pki/` and `root/<client>.kubeconfig` for an API server on this machine's `port`."""
    pki = root / "pki"
    pki.mkdir(parents=True)
    pki.chmod(0o700)
    # the API server verifies the authority's signature at every request, which is three times as fast with RSA
    authority = [
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "ca.key",
        "-out",
        "ca.crt",
        "-days",
        _DAYS,
        "-subj",
        "/CN=devcluster",
    ]
    run("openssl", "req", *authority, folder=pki)
    run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "sa.key", folder=pki)
    run("openssl", "ec", "-in", "sa.key", "-pubout", "-out", "sa.pub", folder=pki)
    for name, (subject, extensions) in CERTIFICATES.items():
        _issue(pki, name, subject, extensions)
    for name in CLIENTS:
        write_kubeconfig(root, name, port)


def add_client(root: Path, name: str, port: int) -> Path:
    """Write `root/<name>.kubeconfig` for one more user, who has no rights yet; where it is."""
    _issue(root / "pki", name, f"/CN={name}", _CLIENT)
    write_kubeconfig(root, name, port)
    return root / f"{name}.kubeconfig"


def _issue(pki: Path, name: str, subject: str, extensions: str) -> None:
    (pki / f"{name}.ext").write_text(extensions + "\n")
    request = ["-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject]
    run("openssl", "req", *_NEW_KEY, *request, folder=pki)
    signing = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", _DAYS, "-extfile", f"{name}.ext"]
    run("openssl", "x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.crt", *signing, folder=pki)


def write_kubeconfig(root: Path, name: str, port: int) -> None:
    """A kubeconfig that names the certificate files, for a client on this machine."""
    pki = root / "pki"
    server = {"server": f"https://127.0.0.1:{port}", "certificate-authority": f"{pki}/ca.crt"}
    user = {"client-certificate": f"{pki}/{name}.crt", "client-key": f"{pki}/{name}.key"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "devcluster",
        "clusters": [{"name": "devcluster", "cluster": server}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": "devcluster", "context": {"cluster": "devcluster", "user": name}}],
    }
    (root / f"{name}.kubeconfig").write_text(json.dumps(config, indent=1))
