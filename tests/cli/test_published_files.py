"""Published files are read and signed for with the credentials of whoever calls."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from tests.object_storage import s3_server
from tests.worker.publishing.bucket import Bucket

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.status import ReconstructionJobStatus
from reconstruction_api.worker import Artifact
from reconstruction_cli.cluster.artifacts import _object_address
from reconstruction_cli.cluster.jobs import Job
from reconstruction_cli.published_files import is_published, read_published, signed

KEY = "museum/statue/set/model of a statue.glb"
URI = "s3://assets/museum/statue/set/model%20of%20a%20statue.glb"
CONTENT = bytes(range(256)) * 20_000


@pytest.fixture(scope="module")
def server() -> Iterator[Bucket]:
    with s3_server() as address:
        bucket = Bucket(address)
        bucket.client.put_object(Bucket="assets", Key=KEY, Body=CONTENT)
        yield bucket


@pytest.fixture
def bucket(server: Bucket, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.address)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "caller")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "callers-secret")
    return server


def test_a_file_is_read_from_any_byte_on(bucket: Bucket) -> None:
    assert b"".join(read_published(URI, 0)) == CONTENT
    assert b"".join(read_published(URI, 4_999_999)) == CONTENT[4_999_999:]


def test_a_signed_address_is_for_anybody_and_holds_no_secret(bucket: Bucket) -> None:
    url = signed(URI, 3600)
    assert "X-Amz-Expires=3600" in url
    assert "X-Amz-Credential=caller" in url
    assert "callers-secret" not in url
    assert requests.get(url, timeout=10).content == CONTENT


def test_azures_connection_string_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    account = "AccountName=museum;AccountKey=c2VjcmV0;BlobEndpoint=http://127.0.0.1:9/museum"
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", f"DefaultEndpointsProtocol=http;{account};")
    url = signed("az://assets/statue/model.glb", 60)
    assert url.startswith("http://127.0.0.1:9/museum/assets/statue/model.glb?")
    assert "c2VjcmV0" not in url


def test_a_bucket_that_charges_its_readers_is_told_who_pays(bucket: Bucket) -> None:
    assert "x-amz-request-payer=requester" in signed(URI, 3600, requester_pays=True)
    assert "request-payer" not in signed(URI, 3600)
    assert b"".join(read_published(URI, 0, requester_pays=True)) == CONTENT


def test_a_file_that_is_gone_is_named(bucket: Bucket) -> None:
    with pytest.raises(ReconstructionError) as caught:
        list(read_published("s3://assets/museum/statue/set/gone.glb", 0))
    assert (caught.value.code, "gone.glb" in caught.value.message) == ("ArtifactStoreError", True)


@pytest.mark.parametrize(
    ("uri", "published"),
    [(URI, True), ("https://cdn.example.org/model.glb", True), ("pvc://statue-workspace/artifacts/model.glb", False)],
)
def test_what_is_on_a_volume_is_not_for_this_machine(uri: str, published: bool) -> None:
    assert is_published(uri) is published


def job(**destination: str) -> Job:
    return Job("museum", "statue", "uid-1", 1, {"destination": destination}, ReconstructionJobStatus())


def artifact(uri: str) -> Artifact:
    return Artifact(name="model.glb", format="GLB", uri=uri, size_bytes=1, sha256="0" * 64, media_type="x")


def test_what_is_signed_is_the_address_in_the_storage_and_not_that_of_the_cdn() -> None:
    seen = job(uri="s3://assets/{namespace}/{name}", publicBaseURL="https://cdn.example.org/museum")
    found = _object_address(seen, artifact("https://cdn.example.org/museum/set/model.glb"))
    assert found == "s3://assets/museum/statue/set/model.glb"


def test_what_can_not_be_signed_is_said() -> None:
    with pytest.raises(ReconstructionError, match="can't be signed"):
        _object_address(job(), artifact("pvc://statue-workspace/artifacts/model.glb"))
