"""Which cluster a command talks to, and what it says when there is none."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from kubernetes.config import incluster_config
from tests.cli.cluster.conftest import Museum, account_token, use_token
from tests.cli.conftest import Recon

from devcluster.kubectl import Kubectl
from reconstruction_cli.cluster import connection

pytestmark = pytest.mark.cluster


def config(path: Path, **changes: Any) -> Path:
    """A kubeconfig for a server on this machine."""
    document = {
        "clusters": [{"name": "here", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "me", "user": {}}],
        "contexts": [{"name": "work", "context": {"cluster": "here", "user": "me"}}],
        "current-context": "work",
    } | changes
    path.write_text(yaml.safe_dump(document))
    return path


def test_a_server_that_does_not_listen(recon: Recon, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    cluster = {"name": "here", "cluster": {"server": f"http://127.0.0.1:{port}"}}
    answer = recon("list", "--kubeconfig", config(tmp_path / "config", clusters=[cluster]))
    assert answer.status == 4
    assert answer.err.startswith(f"ClusterUnreachable\n  No answer from 127.0.0.1:{port}: the connection is refused.")
    assert len(answer.err.splitlines()) == 3


def test_a_kubeconfig_that_is_not_there(recon: Recon, tmp_path: Path) -> None:
    answer = recon("list", "--kubeconfig", tmp_path / "none")
    assert answer.status == 2
    assert answer.err.startswith("KubeconfigInvalid\n  There is no kubeconfig")


@pytest.mark.parametrize("text", ["- a list", "{", "contexts: 5", "a: b"])
def test_a_file_that_is_no_kubeconfig(recon: Recon, tmp_path: Path, text: str) -> None:
    (tmp_path / "config").write_text(text)
    answer = recon("list", "--kubeconfig", tmp_path / "config")
    assert answer.status == 2
    assert answer.err.startswith("KubeconfigInvalid")


def test_a_context_that_is_not_there(recon: Recon, tmp_path: Path) -> None:
    answer = recon("list", "--kubeconfig", config(tmp_path / "config"), "--context", "play")
    assert answer.status == 2
    assert "has no context 'play'. Its contexts: work." in answer.err


def test_a_context_can_be_named_where_none_is_current(recon: Recon, tmp_path: Path) -> None:
    path = config(tmp_path / "config", **{"current-context": ""})
    assert "names no current context" in recon("list", "--kubeconfig", path).err
    assert recon("list", "--kubeconfig", path, "--context", "work").err.startswith("ClusterUnreachable")


def test_several_files_in_the_variable_are_one_kubeconfig(
    recon: Recon, museum: Museum, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = config(tmp_path / "other", **{"current-context": "work"})
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'none'}:{tmp_path / 'kubeconfig'}:{other}")
    museum.create()
    assert "statue" in recon("list", "--context", "devcluster").out


def test_the_namespace_option_wins_over_the_contexts(recon: Recon, museum: Museum) -> None:
    museum.create()
    assert recon("list", "-n", "default").out == ""
    assert "statue" in recon("list").out


def test_a_server_with_another_certificate_is_not_trusted(recon: Recon, museum: Museum, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    document = yaml.safe_load(path.read_text())
    cluster = document["clusters"][0]["cluster"]
    cluster.pop("certificate-authority", None)
    cluster.pop("certificate-authority-data", None)
    path.write_text(yaml.safe_dump(document))
    answer = recon("list")
    assert answer.status == 4
    assert "its certificate is not trusted" in answer.err


def test_another_service_is_told_from_an_api_server(recon: Recon, tmp_path: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), LoginPage) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        address = {"name": "here", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
        answer = recon("list", "--kubeconfig", config(tmp_path / "config", clusters=[address]))
    assert answer.status == 4
    assert "answers, but not as a Kubernetes API server." in answer.err


class LoginPage(BaseHTTPRequestHandler):
    """What a proxy shows to those who have not logged in."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Log in</html>")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


def test_an_unknown_user_is_told_to_log_in(recon: Recon, museum: Museum, tmp_path: Path) -> None:
    use_token(tmp_path / "kubeconfig", "nobody")
    answer = recon("list")
    assert answer.status == 2
    assert answer.err.startswith("ClusterAccessDenied\n  The cluster does not know who you are.")


def test_a_user_without_the_right_is_told_which_one(recon: Recon, museum: Museum, tmp_path: Path) -> None:
    use_token(tmp_path / "kubeconfig", account_token(museum))
    answer = recon("list")
    assert answer.status == 2
    assert answer.err.startswith("ClusterAccessDenied\n  User ")
    assert 'cannot list resource "reconstructionjobs"' in answer.err


def test_inside_a_pod_its_own_account_and_namespace_are_used(
    recon: Recon, museum: Museum, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = yaml.safe_load(museum.kubeconfig.read_text())["clusters"][0]["cluster"]
    server = urlsplit(cluster["server"])
    (tmp_path / "token").write_text(account_token(museum))
    (tmp_path / "namespace").write_text(museum.name)
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", cluster["certificate-authority"])
    monkeypatch.setattr(connection, "_SERVICE_ACCOUNT_NAMESPACE", tmp_path / "namespace")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", str(server.hostname))
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(server.port))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("KUBECONFIG")
    answer = recon("list")
    assert f'"system:serviceaccount:{museum.name}:guest" cannot list' in answer.err
    assert f'in the namespace "{museum.name}"' in answer.err


@pytest.mark.usefixtures("kubernetes_tools")
def test_kubectl_finds_it_as_a_plugin(museum: Museum, tmp_path: Path) -> None:
    plugin = tmp_path / "kubectl-recon"
    plugin.write_text(f"#!{sys.executable}\nfrom reconstruction_cli.main import main\nmain()\n")
    plugin.chmod(0o755)
    kubectl = Kubectl(museum.kubeconfig)
    path = f"{tmp_path}{os.pathsep}{kubectl.environment['PATH']}"
    environment = kubectl.environment | {"PATH": path, "PYTHONPATH": os.pathsep.join(sys.path)}
    museum.create()

    def run(*words: str) -> str:
        command = [kubectl.command()[0], "recon", *words]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    assert run("list", "-o", "name") == "reconstructionjob/statue\n"
    assert run("list", "--help").startswith("Usage: kubectl recon list")
