"""Photos from a web server and from object storage."""

from __future__ import annotations

import functools
import io
import threading
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from tests.object_storage import s3_server

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.ingest.limits import DEFAULT_LIMITS, Limits
from reconstruction_worker.ingest.remote import fetch

from .photos import Ingested, encoded, picture, write_photos


class _Handler(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/private"):
            self.send_error(403)
        elif self.path.startswith("/broken"):
            self.send_error(500)
        else:
            super().do_GET()

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a web server with `photos/` and `photos.zip`."""
    folder = tmp_path_factory.mktemp("web")
    write_photos(folder / "photos", 3)
    with zipfile.ZipFile(folder / "photos.zip", "w") as archive:
        for path in (folder / "photos").iterdir():
            archive.write(path, path.name)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    """S3 as moto plays it, with bucket `captures` and photos under `statue/`."""
    with s3_server() as address, pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            patch.setenv(name, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket="captures")
        for index in range(3):
            body = encoded(picture(index), "JPEG")
            client.put_object(Bucket="captures", Key=f"statue/images/p{index}.jpg", Body=body)
        yield client


@pytest.mark.parametrize("path", ["photos/", "photos.zip"])
def test_a_folder_and_an_archive_on_a_web_server_are_read(tmp_path: Path, web: str, path: str) -> None:
    result = Ingested(tmp_path, None, source={"uri": f"{web}/{path}"})
    assert [image.original.name for image in result.images] == ["p0.jpg", "p1.jpg", "p2.jpg"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("nothing.zip", "SourceNotFound"),
        ("nothing/", "SourceNotFound"),
        ("private.zip", "SourceAccessDenied"),
        ("private/", "SourceAccessDenied"),
        ("broken.zip", "ArtifactStoreError"),
    ],
)
def test_what_a_web_server_says_becomes_a_code(tmp_path: Path, web: str, path: str, code: str) -> None:
    with pytest.raises(ReconstructionError) as error:
        fetch(f"{web}/{path}", tmp_path, DEFAULT_LIMITS, lambda _: None)
    assert error.value.code == code


def test_a_server_that_is_away_is_worth_another_try(tmp_path: Path) -> None:
    with pytest.raises(ReconstructionError) as error:
        fetch("http://user:secret@127.0.0.1:9/x.zip?key=secret", tmp_path, DEFAULT_LIMITS, lambda _: None)
    assert error.value.code == "ArtifactStoreError"
    assert error.value.kind.retryable
    assert "secret" not in error.value.message


@pytest.mark.parametrize("uri", ["./photos", "/etc", "ftp://host/x", "local:///etc", "zip://*::file:///etc/x.zip"])
def test_only_storage_addresses_are_fetched(tmp_path: Path, uri: str) -> None:
    with pytest.raises(ReconstructionError) as error:
        fetch(uri, tmp_path, DEFAULT_LIMITS, lambda _: None)
    assert error.value.code == "InvalidSpec"


def test_a_download_stops_at_the_limit(tmp_path: Path, web: str) -> None:
    with pytest.raises(ReconstructionError) as error:
        fetch(f"{web}/photos.zip", tmp_path, Limits(total_bytes=1000), lambda _: None)
    assert error.value.code == "FileTooLarge"


def test_an_archive_that_does_not_fit_is_not_fetched(tmp_path: Path, web: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_not_fetched(f"{web}/photos.zip", "the source", tmp_path, monkeypatch)


def test_a_folder_that_does_not_fit_is_not_fetched(
    tmp_path: Path, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_not_fetched("s3://captures/statue/", "the 3 files of the source", tmp_path, monkeypatch)


def check_not_fetched(uri: str, what: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(ReconstructionError, match=f"fetching {what} needs about") as error:
        fetch(uri, folder, DEFAULT_LIMITS, lambda _: None)
    assert error.value.code == "DiskFull"
    assert not [file for file in folder.rglob("*") if file.is_file()]


def test_a_folder_in_object_storage_is_read(tmp_path: Path, bucket: Any) -> None:
    result = Ingested(tmp_path, None, source={"uri": "s3://captures/statue/"})
    assert [image.original.name for image in result.images] == ["p0.jpg", "p1.jpg", "p2.jpg"]


def test_names_in_object_storage_are_taken_literally(tmp_path: Path, bucket: Any) -> None:
    bucket.put_object(Bucket="captures", Key="literal/photo%201.jpg", Body=encoded(picture(), "JPEG"))
    found = fetch("s3://captures/literal/", tmp_path, DEFAULT_LIMITS, lambda _: None)
    assert isinstance(found, list)
    assert [file.name for file in found] == ["photo%201.jpg"]


def test_an_archive_in_object_storage_is_read(tmp_path: Path, bucket: Any) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for index in range(3):
            archive.writestr(f"{index}.png", encoded(picture(index), "PNG"))
    bucket.put_object(Bucket="captures", Key="statue.zip", Body=buffer.getvalue())
    assert len(Ingested(tmp_path, None, source={"uri": "s3://captures/statue.zip"}).images) == 3


@pytest.mark.parametrize("uri", ["s3://captures/nothing/", "s3://no-such-bucket/x/", "s3://captures/nothing.zip"])
def test_a_missing_bucket_or_folder_is_not_found(tmp_path: Path, bucket: Any, uri: str) -> None:
    with pytest.raises(ReconstructionError) as error:
        fetch(uri, tmp_path, DEFAULT_LIMITS, lambda _: None)
    assert error.value.code == "SourceNotFound"
