"""`recon download` and `recon artifacts --presign` of a job whose results are published."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from tests.cli.cluster.conftest import Museum, artifact
from tests.cli.conftest import Recon
from tests.object_storage import s3_server
from tests.worker.publishing.bucket import Bucket

pytestmark = pytest.mark.cluster

CONTENT = b"a model" * 1000
URI = "s3://assets/museum/statue/set/model.glb"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    with s3_server() as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "caller")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "callers-secret")
        bucket = Bucket(address)
        bucket.client.put_object(Bucket="assets", Key="museum/statue/set/model.glb", Body=CONTENT)
        yield bucket


@pytest.fixture
def published(museum: Museum) -> None:
    museum.create()
    checksum = hashlib.sha256(CONTENT).hexdigest()
    museum.write_status(artifacts=[artifact("model.glb", CONTENT, checksum) | {"uri": URI}])


def test_files_come_from_the_destination_without_a_pod(
    recon: Recon, museum: Museum, bucket: Bucket, published: None, tmp_path: Path
) -> None:
    answer = recon("download", "statue", "--to", tmp_path)
    assert answer.status == 0, answer.err
    assert (tmp_path / "model.glb").read_bytes() == CONTENT
    assert museum.send("GET", f"/api/v1/namespaces/{museum.name}/pods")["items"] == []


def test_a_file_that_is_not_what_the_job_published_is_not_taken(
    recon: Recon, bucket: Bucket, published: None, tmp_path: Path
) -> None:
    bucket.client.put_object(Bucket="assets", Key="museum/statue/set/model.glb", Body=CONTENT[::-1])
    answer = recon("download", "statue", "--to", tmp_path)
    assert (answer.status, answer.err.startswith("ArtifactStoreError")) == (4, True)
    assert list(tmp_path.glob("*.glb")) == []


def test_signed_addresses_are_printed_and_kept_nowhere(
    recon: Recon, museum: Museum, bucket: Bucket, published: None
) -> None:
    answer = recon("artifacts", "statue", "--presign", "1h")
    url = answer.out.split()[-1]
    assert requests.get(url, timeout=10).content == CONTENT
    assert "Signature" not in str(museum.job())


def test_a_time_that_is_none_is_a_mistake(recon: Recon, published: None) -> None:
    assert recon("artifacts", "statue", "--presign", "8d").status == 2
    assert recon("artifacts", "statue", "--presign", "soon").status == 2
