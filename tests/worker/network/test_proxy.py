"""The proxy at the level of bytes, and beside a proxy of the platform."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.worker.ingest.servers import Web, web_server

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.network import Host
from reconstruction_worker.network import proxy as proxies
from reconstruction_worker.network.upstream import Upstreams

from .clients import LOOPBACK, Names, asked, closed_port, guarded, listening


@pytest.mark.parametrize(
    "target",
    [
        "127.0.0.1:80", "169.254.169.254:80", "168.63.129.16:80", "[::1]:443", "[::ffff:127.0.0.1]:443",
        "2130706433:80", "0x7f.1:80", "127.1:80", "localhost:80", "metadata.google.internal:80", "0:80",
        "kubernetes.default.svc:443", "10.96.0.1:443", "inside.example:443", "nothing.example:443",
        "[fd00:ec2::254]:80", "100.64.0.1:80",
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["CONNECT {} HTTP/1.1", "GET http://{}/ HTTP/1.1"])
def test_everything_inside_gets_the_same_answer(target: str, form: str) -> None:
    with guarded(names=Names(**{"inside.example": "10.0.0.1"}), environment={}) as guard:
        answer = asked(guard, f"{form.format(target)}\r\nHost: example.org\r\n\r\n".encode())
    assert answer == b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("GET / HTTP/1.1", 400),
        ("GET ftp://127.0.0.1/ HTTP/1.1", 400),
        ("GET https://127.0.0.1/ HTTP/1.1", 400),
        ("GET http://user@127.0.0.1/ HTTP/1.1", 400),
        ("CONNECT 127.0.0.1 HTTP/1.1", 400),
        ("CONNECT 127.0.0.1:99999 HTTP/1.1", 400),
        ("CONNECT http://127.0.0.1:80 HTTP/1.1", 400),
        ("nonsense", 400),
        ("GET http://127.0.0.1/ HTTP/1.1\r\nX: " + "x" * (proxies.HEADER_BYTES + 1), 431),
    ],
)
def test_what_is_no_request_to_a_proxy_is_refused(request_line: str, status: int) -> None:
    with guarded(LOOPBACK, environment={}) as guard:
        assert asked(guard, f"{request_line}\r\n\r\n".encode()).startswith(f"HTTP/1.1 {status} ".encode())


def test_a_request_goes_out_in_the_form_for_servers_and_alone_on_its_connection() -> None:
    with listening() as (port, heard), guarded(LOOPBACK, environment={}) as guard:
        request = f"GET http://127.0.0.1:{port}/a%20b?x=1 HTTP/1.1\r\nHost: me\r\nProxy-Connection: keep-alive\r\n\r\n"
        asked(guard, request.encode())
    assert heard == [b"GET /a%20b?x=1 HTTP/1.1\r\nHost: me\r\nConnection: close\r\n\r\n"]


def test_a_second_request_on_a_connection_never_reaches_another_host() -> None:
    with (
        listening() as (port, heard),
        web_server(Web({"/": b"secret"})) as web,
        guarded("127.0.0.1", environment={}) as g,
    ):
        first = f"GET {web.address}/ HTTP/1.1\r\nHost: a\r\n\r\n"
        second = f"GET http://127.0.0.2:{port}/ HTTP/1.1\r\nHost: b\r\n\r\n"
        answer = asked(g, (first + second).encode())
    assert answer.count(b"secret") <= 2 and heard == []


def test_a_tunnel_carries_bytes_both_ways_until_both_ends_close() -> None:
    payload = bytes(range(256)) * 8192
    with socket.create_server(("127.0.0.1", 0)) as server, guarded(LOOPBACK, environment={}) as guard:

        def echo() -> None:
            connection, _ = server.accept()
            with connection:
                while part := connection.recv(65536):
                    connection.sendall(part)

        thread = threading.Thread(target=echo)
        thread.start()
        head = f"CONNECT 127.0.0.1:{server.getsockname()[1]} HTTP/1.1\r\n\r\n".encode()
        with socket.create_connection(("127.0.0.1", int(guard.proxy_url.rpartition(":")[2]))) as client:
            client.settimeout(20)
            client.sendall(head)
            assert client.recv(100).startswith(b"HTTP/1.1 200 ")

            def send() -> None:
                client.sendall(payload)
                client.shutdown(socket.SHUT_WR)

            sender = threading.Thread(target=send)
            sender.start()
            received = bytearray()
            while part := client.recv(65536):
                received += part
            sender.join()
        thread.join()
    assert received == payload


def test_a_closed_port_that_is_allowed_is_no_refusal() -> None:
    with guarded(LOOPBACK, environment={}) as guard:
        answer = asked(guard, f"CONNECT 127.0.0.1:{closed_port()} HTTP/1.1\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 502 ")
        assert guard.refusal("spec.source.uri", "127.0.0.1") is None


def test_a_resolver_in_trouble_is_no_refusal() -> None:
    with guarded(names=Names(**{"busy.example": "later"}), environment={}) as guard:
        assert asked(guard, b"CONNECT busy.example:443 HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 503 ")
        assert guard.refusal("spec.source.uri", "busy.example") is None


def test_no_more_connections_are_served_than_there_are_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxies, "CONNECTIONS", 2)
    with guarded(environment={}) as guard:
        address = ("127.0.0.1", int(guard.proxy_url.rpartition(":")[2]))
        idle = [socket.create_connection(address) for _ in range(2)]
        with socket.create_connection(address, 10) as third:
            third.sendall(b"nonsense\r\n\r\n")
            third.settimeout(0.3)
            with pytest.raises(TimeoutError):
                third.recv(100)
            idle[0].close()
            third.settimeout(10)
            assert third.recv(100).startswith(b"HTTP/1.1 400 ")
        idle[1].close()


def test_idle_connections_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxies, "HEADER_SECONDS", 0.2)
    with guarded(environment={}) as guard:
        started = time.monotonic()
        assert asked(guard, b"GET http://127.0.0.1/") == b""
        assert time.monotonic() - started < 5


@contextmanager
def platform_proxy(status: bytes = b"200 OK", tls: ssl.SSLContext | None = None) -> Iterator[tuple[str, list[bytes]]]:
    """A proxy of the company, which greets through every tunnel it makes and answers plain requests itself."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with tls.wrap_socket(connection, server_side=True) if tls else connection as connection:
                    connection.settimeout(5)
                    request = connection.recv(65536)
                    heard.append(request)
                    if request.startswith(b"CONNECT"):
                        connection.sendall(b"HTTP/1.1 " + status + b"\r\nVia: company\r\n\r\nhello")
                        while tls and (part := connection.recv(65536)):
                            connection.sendall(part)
                    else:
                        connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 5\r\n\r\nhello")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}", heard
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def test_a_proxy_of_the_platform_makes_the_connection_and_looks_names_up() -> None:
    names = Names()
    with platform_proxy() as (address, heard):
        environment = {"HTTPS_PROXY": f"http://me:pass@{address}", "HTTP_PROXY": f"http://{address}"}
        with guarded(environment=environment, names=names) as guard:
            tunnel = asked(guard, b"CONNECT storage.example:443 HTTP/1.1\r\n\r\n")
            plain = asked(guard, b"GET http://storage.example/x HTTP/1.1\r\nHost: storage.example\r\n\r\n")
    assert tunnel == b"HTTP/1.1 200 Connection established\r\n\r\nhello"
    assert plain.endswith(b"hello")
    assert heard[0].startswith(b"CONNECT storage.example:443 HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic bWU6cGFzcw==\r\n" in heard[0]
    assert heard[1].startswith(b"GET http://storage.example:80/x HTTP/1.1\r\n")
    assert names.asked == []


@pytest.mark.parametrize(
    "target", ["10.0.0.1:443", "169.254.169.254:80", "0x7f.1:443", "minio.storage.svc:443", "minio:80"]
)
def test_what_is_inside_by_its_name_or_address_never_reaches_the_platforms_proxy(target: str) -> None:
    with platform_proxy() as (address, heard):
        environment = {"ALL_PROXY": f"http://{address}"}
        with guarded("10.1.0.0/16", environment=environment) as guard:
            assert asked(guard, f"CONNECT {target} HTTP/1.1\r\n\r\n".encode()).startswith(b"HTTP/1.1 403 ")
    assert heard == []


def test_what_the_platforms_proxy_is_not_for_is_checked_and_connected_to_here() -> None:
    names = Names(**{"nas.museum.example": "127.0.0.1", "inside.museum.example": "10.0.0.1"})
    with platform_proxy() as (address, heard), listening() as (port, reached):
        environment = {"https_proxy": f"http://{address}", "no_proxy": "localhost, .museum.example,192.168.0.0/16"}
        with guarded(LOOPBACK, names=names, environment=environment) as guard:
            asked(guard, f"CONNECT nas.museum.example:{port} HTTP/1.1\r\n\r\nping".encode())
            assert asked(guard, b"CONNECT inside.museum.example:443 HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 403 ")
    assert reached == [b"ping"] and heard == []


def test_a_refusal_of_the_platforms_proxy_is_a_connection_that_failed() -> None:
    with platform_proxy(b"403 Forbidden") as (address, _), guarded(environment={"HTTPS_PROXY": address}) as guard:
        assert asked(guard, b"CONNECT storage.example:443 HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 502 ")
        assert guard.refusal("spec.source.uri", "storage.example") is None


def test_a_proxy_of_the_platform_may_speak_tls_and_carries_both_ways_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = _certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    payload = bytes(range(256)) * 4096
    with platform_proxy(tls=context) as (address, heard):
        port = address.rpartition(":")[2]
        with guarded(environment={"HTTPS_PROXY": f"https://localhost:{port}"}) as guard:
            answer = asked(guard, b"CONNECT storage.example:443 HTTP/1.1\r\n\r\n" + payload, end=True)
    assert answer == b"HTTP/1.1 200 Connection established\r\n\r\nhello" + payload
    assert heard[0].startswith(b"CONNECT storage.example:443 ")


def _certificate(folder: Path) -> ssl.SSLContext:
    """For localhost, signed by itself; in `certificate.pem`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context


@pytest.mark.parametrize("value", ["socks5://proxy:1080", "http://", "http://proxy:port", "file:///etc/passwd"])
def test_what_is_no_http_proxy_is_a_mistake_of_the_profile(value: str) -> None:
    with pytest.raises(ReconstructionError, match="HTTPS_PROXY is not the address of an HTTP proxy") as error:
        Upstreams.of({"HTTPS_PROXY": value})
    assert error.value.code == "InvalidSpec"


@pytest.mark.parametrize(
    ("no_proxy", "host", "direct"),
    [
        ("*", "example.org", True),
        ("example.org", "example.org", True),
        ("example.org", "a.example.org", True),
        (".example.org", "a.example.org", True),
        ("*.example.org", "a.example.org", True),
        ("example.org", "badexample.org", False),
        ("example.org:8080", "example.org", False),
        ("example.org:443", "example.org", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.0.0.0/8,", "example.org", False),
        ("", "example.org", False),
    ],
)
def test_no_proxy_means_what_it_means_elsewhere(no_proxy: str, host: str, direct: bool) -> None:
    upstreams = Upstreams.of({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": no_proxy})
    assert (upstreams.for_host("https", Host.of(host), 443) is None) is direct
