"""Real storage clients behind the guard: what is allowed arrives, what is not is refused by all of them alike."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.object_storage import s3_server
from tests.worker.ingest.servers import Web, azure_storage, google_storage, web_server

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.network import Address
from reconstruction_worker.ingest import download

from .clients import LOOPBACK, Names, closed_port, fetched, guarded, listening

PHOTOS = {"p0.jpg": b"first", "p1.jpg": b"second"}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "FIRST_WAIT_SECONDS", 0.01)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_server() as address:
        storage = boto3.Session("admin", "admin", region_name="us-east-1").client("s3", endpoint_url=address)
        storage.create_bucket(Bucket="captures", ACL="public-read")
        for name, content in PHOTOS.items():
            storage.put_object(Bucket="captures", Key=f"statue/{name}", Body=content)
        yield address


def _port(address: str) -> str:
    return address.rpartition(":")[2].partition("/")[0]


@pytest.fixture(params=["s3", "gs", "az", "http"])
def source(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, Callable[[str], str]]]:
    """A kind of storage on loopback; its port, and what makes a given `http://HOST:PORT` its address and returns the
    source's."""
    objects = {f"captures/statue/{name}": content for name, content in PHOTOS.items()}
    if request.param == "s3":
        address = request.getfixturevalue("s3")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "admin")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "admin")
        for module in ("moto.settings", "moto.s3.utils"):  # the server takes names for buckets
            monkeypatch.setattr(f"{module}.S3_IGNORE_SUBDOMAIN_BUCKETNAME", True)

        def place_s3(at: str) -> str:
            monkeypatch.setenv("AWS_ENDPOINT_URL", at)
            return "s3://captures/statue/"

        yield _port(address), place_s3
    elif request.param == "gs":
        with google_storage(objects) as address:

            def place_google(at: str) -> str:
                monkeypatch.setenv("STORAGE_EMULATOR_HOST", at)
                return "gs://captures/statue/"

            yield _port(address), place_google
    elif request.param == "az":
        with azure_storage(objects) as address:

            def place_azure(at: str) -> str:
                parts = ["AccountName=devstoreaccount1", "AccountKey=bm90IGEgc2VjcmV0"]
                parts.append(f"BlobEndpoint={at}/devstoreaccount1")
                monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", ";".join(parts))
                return "az://captures/statue/"

            yield _port(address), place_azure
    else:
        page = "".join(f'<a href="{name}">{name}</a>' for name in PHOTOS).encode()
        files = {f"/statue/{name}": content for name, content in PHOTOS.items()}
        with web_server(Web({**files, "/statue/": page})) as web:
            yield _port(web.address), lambda at: f"{at}/statue/"


def test_what_the_profile_allows_arrives(tmp_path: Path, source: tuple[str, Callable[[str], str]]) -> None:
    port, place = source
    uri = place(f"http://127.0.0.1:{port}")
    with guarded(LOOPBACK) as guard:
        files = fetched(uri, tmp_path, guard, has_secret=not uri.startswith("gs"))
    assert isinstance(files, list)
    assert {file.name: file.path.read_bytes() for file in files} == PHOTOS


def test_a_name_that_the_profile_allows_is_looked_up_by_the_proxy_alone(
    tmp_path: Path, source: tuple[str, Callable[[str], str]]
) -> None:
    port, place = source
    uri = place(f"http://storage.example:{port}")
    names = Names(**{"storage.example": "127.0.0.1"})
    with guarded(LOOPBACK, names=names) as guard:
        files = fetched(uri, tmp_path, guard, has_secret=not uri.startswith("gs"))
    assert isinstance(files, list) and len(files) == len(PHOTOS)
    assert set(names.asked) == {"storage.example."}


def _refused(tmp_path: Path, uri: str, *allow: str, names: Names | None = None) -> tuple[str, str]:
    with guarded(*allow, names=names) as guard, pytest.raises(ReconstructionError) as error:
        fetched(uri, tmp_path, guard)
    assert not error.value.kind.retryable
    return error.value.code, error.value.message


def test_what_is_not_allowed_is_refused_whether_it_exists_or_not(
    tmp_path: Path, source: tuple[str, Callable[[str], str]]
) -> None:
    """A name that leads inside and one that does not exist; an open port and a closed one."""
    port, place = source
    names = Names(
        **{"inside.example": "10.0.0.1", "loopback.example": "127.0.0.1", "mixed.example": "1.1.1.1 10.0.0.1"}
    )
    seen = set()
    for host in (
        f"inside.example:{port}",
        f"nothing.example:{port}",
        f"loopback.example:{port}",
        "mixed.example",
        f"loopback.example:{closed_port()}",
    ):
        code, message = _refused(tmp_path, place(f"http://{host}"), names=names)
        seen.add((code, message.replace(host.partition(":")[0], "HOST")))
    assert len(seen) == 1
    ((code, message),) = seen
    assert code == "AddressNotAllowed"
    assert "'HOST' is not an address that worker pods may connect to" in message
    assert "network.allow of profile 'standard'" in message
    assert "10.0.0.1" not in message and "127.0.0.1" not in message


def test_dns_that_changes_its_mind_leads_nowhere_else(tmp_path: Path, source: tuple[str, Callable[[str], str]]) -> None:
    """The first answer is allowed, later ones lead to the storage: the client is refused, not connected."""
    port, place = source
    names = Names(**{"rebinding.example": ["198.51.100.7", "10.0.0.1"]})
    code, message = _refused(tmp_path, place(f"http://rebinding.example:{port}"), "198.51.100.0/24", names=names)
    assert code == "AddressNotAllowed"
    assert "'rebinding.example'" in message


def test_a_resolver_in_trouble_is_worth_another_try(tmp_path: Path) -> None:
    with guarded(names=Names(**{"busy.example": "later"})) as guard, pytest.raises(ReconstructionError) as error:
        fetched("http://busy.example/photos.zip", tmp_path, guard)
    assert (error.value.code, error.value.kind.retryable) == ("ArtifactStoreError", True)


@contextmanager
def redirecting(to: str) -> Iterator[str]:
    """A server that sends everybody elsewhere."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", to)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("path", ["photos.zip", "photos", "photos/"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_redirect_to_inside_is_refused_whether_something_listens_there_or_not(
    tmp_path: Path, path: str, scheme: str
) -> None:
    """The server itself is allowed by its address; what it redirects to is another loopback address."""
    with listening("127.0.0.2") as (port, heard):
        messages = []
        for target in (f"127.0.0.2:{port}", f"127.0.0.2:{closed_port()}"):
            with redirecting(f"{scheme}://{target}/latest/meta-data") as server:
                code, message = _refused(tmp_path, f"http://{server}/{path}", "127.0.0.1")
            messages.append((code, message))
    assert messages[0] == messages[1]
    assert messages[0][0] == "AddressNotAllowed"
    assert "spec.source.uri: '127.0.0.1' leads to '127.0.0.2'" in messages[0][1]
    assert heard == []


def test_an_endpoint_of_the_secret_is_named_with_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://minio.storage.svc:9000")
    with guarded() as guard, pytest.raises(ReconstructionError) as error:
        fetched("s3://captures/statue/", tmp_path, guard, has_secret=True)
    assert error.value.code == "AddressNotAllowed"
    assert error.value.message.startswith(
        "AWS_ENDPOINT_URL in the secret of spec.source.secretName: 'minio.storage.svc'"
    )
    assert "network.allow" in error.value.suggestion


@pytest.mark.parametrize(
    ("host", "asked"), [("minio.storage.svc", "minio.storage.svc"), ("nas.example", "nas.example.")]
)
def test_names_of_the_cluster_are_looked_up_with_its_search_domains_and_others_without(
    tmp_path: Path, host: str, asked: str
) -> None:
    names = Names(**{host: "127.0.0.1"})
    with web_server(Web({"/photos.zip": b"PK"})) as web, guarded(host, LOOPBACK, names=names) as guard:
        found = fetched(f"http://{host}:{_port(web.address)}/photos.zip", tmp_path, guard)
    assert isinstance(found, Path) and found.read_bytes() == b"PK"
    assert set(names.asked) == {asked}


def test_a_short_name_that_is_allowed_is_found_by_the_search_domains_after_all(tmp_path: Path) -> None:
    """One that is not allowed is absolute, whoever could make a namespace with the name of a domain."""

    class Searching(Names):
        def __call__(self, name: str, port: int) -> list[Address]:
            return [] if name.endswith(".") else super().__call__(name, port)

    names = Searching(**{"minio.storage": "127.0.0.1", "evil.example": "1.1.1.1"})
    with web_server(Web({"/photos.zip": b"PK"})) as web, guarded("minio.storage", LOOPBACK, names=names) as guard:
        fetched(f"http://minio.storage:{_port(web.address)}/photos.zip", tmp_path, guard)
        with pytest.raises(ReconstructionError) as error:
            fetched("http://evil.example/photos.zip", tmp_path, guard)
    assert error.value.code == "AddressNotAllowed"


@pytest.mark.parametrize("uri", ["http://[1]/x", "http://example.org:port/x", "https://[::1/x", "s3://[1]/x"])
def test_an_address_that_can_not_be_read_is_a_mistake_of_the_spec(tmp_path: Path, uri: str) -> None:
    assert _refused(tmp_path, uri) == (
        "InvalidSpec",
        "spec.source.uri: the host or port of this address can't be read.",
    )


def test_the_environment_is_as_before_when_the_guard_has_gone() -> None:
    environment = {"AWS_PROFILE": "mine", "NO_PROXY": "*", "PATH": "/bin"}
    with guarded(environment=environment) as guard:
        assert environment["HTTPS_PROXY"] == environment["https_proxy"] == guard.proxy_url
        assert not {"AWS_PROFILE", "NO_PROXY", "no_proxy"} & set(environment)
        assert environment["AWS_EC2_METADATA_DISABLED"] == "true"
        assert json.loads(json.dumps(guard.environment))["AWS_PROFILE"] == "mine"
    assert environment == {"AWS_PROFILE": "mine", "NO_PROXY": "*", "PATH": "/bin"}
