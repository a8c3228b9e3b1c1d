"""Jobs of a tenant that try to reach what is inside, through the address of their photos or through credentials.

Each is refused, by the operator or by the worker pod that it would get, without a connection to anything.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.network import Address
from reconstruction_api.source import Source
from reconstruction_api.worker import NetworkAccess
from reconstruction_worker.ingest.limits import DEFAULT_LIMITS
from reconstruction_worker.ingest.sources import gather
from reconstruction_worker.network.guard import Guard

HTTP_SOURCES = {
    "AWS metadata": "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
    "container credentials": "http://169.254.170.2/v2/credentials",
    "EKS Pod Identity": "http://169.254.170.23/v1/credentials",
    "Azure's wire server": "http://168.63.129.16/machine?comp=goalstate",
    "GCE metadata by name": "http://metadata.google.internal/computeMetadata/v1/",
    "GCE metadata by short name": "http://metadata/computeMetadata/v1/",
    "AWS metadata over IPv6": "http://[fd00:ec2::254]/latest/meta-data/",
    "Alibaba metadata": "http://100.100.100.200/latest/meta-data/",
    "metadata as IPv4 in IPv6": "http://[::ffff:169.254.169.254]/",
    "metadata through NAT64": "http://[64:ff9b::a9fe:a9fe]/",
    "metadata through 6to4": "http://[2002:a9fe:a9fe::1]/",
    "metadata as a number": "http://2852039166/latest/",
    "metadata in hexadecimal": "http://0xa9fea9fe/latest/",
    "loopback": "http://127.0.0.1:10248/healthz",
    "loopback in octal": "http://0177.1/",
    "loopback, shortened": "http://127.1:10250/pods",
    "loopback with full-width digits": "http://\uff11\uff12\uff17.0.0.1/",
    "this host": "http://0/",
    "this host over IPv6": "http://[::]:10255/pods",
    "the API server": "https://kubernetes.default.svc/api/v1/secrets",
    "the API server with a dot": "https://KUBERNETES.default.svc.cluster.local./",
    "a service of the cluster": "http://grafana.monitoring/",
    "a private address": "http://10.96.0.1/",
    "shared address space": "http://100.64.0.10/",
    "a name that leads inside": "http://inside.example/photos.zip",
    "a name with one address inside": "http://mixed.example/photos.zip",
    "a name that does not exist": "http://nothing.example/photos.zip",
}

SECRETS: dict[str, tuple[str, dict[str, str]]] = {
    "S3 endpoint at the metadata service": ("s3://latest/meta-data/", {"AWS_ENDPOINT_URL": "http://169.254.169.254"}),
    "S3 endpoint in the cluster": ("s3://captures/", {"AWS_ENDPOINT_URL_S3": "http://minio.storage.svc:9000"}),
    "S3 endpoint that is a file": ("s3://captures/", {"AWS_ENDPOINT_URL": "file:///etc/passwd"}),
    "region that is a host": ("s3://captures/", {"AWS_REGION": "x@169.254.169.254/#"}),
    "Google credentials from a file": ("gs://captures/", {"GOOGLE_CREDENTIALS_JSON": json.dumps({
        "type": "external_account", "token_url": "https://evil.example/",
        "credential_source": {"file": "/etc/passwd"}})}),
    "Google credentials from metadata": ("gs://captures/", {"GOOGLE_CREDENTIALS_JSON": json.dumps({
        "type": "external_account", "token_url": "https://evil.example/",
        "credential_source": {"url": "http://169.254.169.254/"}})}),
    "Google token address": ("gs://captures/", {"GOOGLE_CREDENTIALS_JSON": json.dumps({
        "type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c",
        "token_uri": "http://10.0.0.1/token"})}),
    "Azure emulator": ("az://captures/", {"AZURE_STORAGE_CONNECTION_STRING": "UseDevelopmentStorage=true"}),
    "Azure endpoint inside": ("az://captures/", {
        "AZURE_STORAGE_CONNECTION_STRING": "AccountName=aaa;AccountKey=eA==;BlobEndpoint=http://10.0.0.1/aaa"}),
    "Azure account that is a host": ("az://captures/", {"AZURE_STORAGE_ACCOUNT_NAME": "10.0.0.1/#"}),
}  # fmt: skip

Try = Callable[..., ReconstructionError]


@pytest.fixture
def attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Try:
    """Read a source as a pod with these credentials does; nothing may be connected to but the pod's own proxy."""
    connected: list[Any] = []
    connect = socket.socket.connect
    # Clients of clusters that other tests of this process have left; fsspec's thread serves all of its file systems.
    others = {each.ident for each in threading.enumerate() if each.name != "fsspecIO"} - {threading.get_ident()}

    def watched(connection: socket.socket, address: Any) -> None:
        if threading.get_ident() not in others:
            connected.append(address)
        connect(connection, address)

    monkeypatch.setattr(socket.socket, "connect", watched)

    def resolver(name: str, _: int) -> list[Address]:
        import ipaddress

        known = {"inside.example.": ["10.0.0.1"], "mixed.example.": ["1.1.1.1", "10.0.0.1"]}
        return [ipaddress.ip_address(each) for each in known.get(name, [])]

    def read(uri: str, allow: tuple[str, ...] = (), **credentials: str) -> ReconstructionError:
        source = Source(uri=uri, secret_name="keys" if credentials else None)
        access = NetworkAccess(allow=list(allow))
        with Guard(access, "standard", environment=dict(credentials), resolver=resolver) as guard:
            with pytest.raises(ReconstructionError) as error:
                gather(source, None, tmp_path, DEFAULT_LIMITS, lambda _: None, guard=guard)
            proxy = int(guard.proxy_url.rpartition(":")[2])
        assert {address[:2] for address in connected} <= {("127.0.0.1", proxy)}
        return error.value

    return read


@pytest.mark.parametrize("case", HTTP_SOURCES)
def test_a_source_inside_is_refused_in_the_same_words(attempt: Try, case: str) -> None:
    error = attempt(HTTP_SOURCES[case])
    assert (error.code, error.kind.retryable) == ("AddressNotAllowed", False)
    assert error.message.startswith("spec.source.uri: '")
    assert error.message.endswith(
        "' is not an address that worker pods may connect to: it has no public address, and network.allow of profile "
        "'standard' does not list it."
    )


@pytest.mark.parametrize("case", SECRETS)
def test_credentials_that_lead_inside_are_refused_with_their_key(attempt: Try, case: str) -> None:
    uri, credentials = SECRETS[case]
    error = attempt(uri, **credentials)
    assert error.code in ("AddressNotAllowed", "SourceAccessDenied")
    assert error.message.startswith(f"{next(iter(credentials))} in the secret of spec.source.secretName")


@pytest.mark.parametrize("case", ["AWS metadata", "loopback", "this host", "Azure's wire server"])
def test_a_profile_that_allows_every_network_allows_none_of_the_machine(attempt: Try, case: str) -> None:
    assert attempt(HTTP_SOURCES[case], allow=("0.0.0.0/0", "::/0")).code == "AddressNotAllowed"
