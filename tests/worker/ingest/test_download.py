"""Downloads that are interrupted continue where they stopped, and what arrives is what was stored."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import boto3
import pytest
import requests
from tests.object_storage import s3_server

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.source import CREDENTIALS, Source
from reconstruction_api.worker import NetworkAccess
from reconstruction_worker.ingest import download
from reconstruction_worker.ingest.limits import DEFAULT_LIMITS, Limits
from reconstruction_worker.ingest.remote import fetch
from reconstruction_worker.ingest.sources import gather
from reconstruction_worker.network.guard import Guard
from reconstruction_worker.stage import Stopped

from .photos import Ingested, encoded, picture, write_photos
from .servers import Web, azure_storage, google_storage, web_server

BIG = 9_000_000


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "FIRST_WAIT_SECONDS", 0.01)


def quiet(_: str) -> None:
    """Nobody listens."""


def photos(count: int = 3) -> dict[str, bytes]:
    return {f"p{index}.jpg": encoded(picture(index), "JPEG") for index in range(count)}


def archive(padding: int = 0) -> bytes:
    """Three photos, and a file that nobody needs of so many bytes; the same bytes at any time of day."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(
            zipfile.ZipInfo("notes.bin"), bytes(index * 7919 >> 3 & 255 for index in range(1 << 16)) * (padding >> 16)
        )
        for name, content in photos().items():
            file.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def page(names: list[str]) -> bytes:
    return "".join(f'<a href="{name}">{name}</a>\n' for name in names).encode()


def site(**options: Any) -> Web:
    """`/capture/` with three photos, and `/capture.zip` of some megabytes."""
    files = {f"/capture/{name}": content for name, content in photos().items()}
    return Web({**files, "/capture/": page(list(photos())), "/capture.zip": archive(BIG)}, **options)


def test_a_connection_that_breaks_is_taken_up_where_it_broke(tmp_path: Path) -> None:
    with web_server(site(cut_after={"/capture.zip": [5_000_000, 1_000_000]})) as web:
        found = fetch(f"{web.address}/capture.zip", tmp_path, DEFAULT_LIMITS, quiet)
    assert isinstance(found, Path)
    assert found.read_bytes() == web.files["/capture.zip"]
    assert web.served["/capture.zip"] < len(found.read_bytes()) + download.CHUNK + 2_000_000
    assert web.requested[0] == ("/capture.zip", "")
    assert all(wanted for _, wanted in web.requested[1:])


def test_a_server_without_ranges_starts_again(tmp_path: Path) -> None:
    with web_server(site(ranges=False, cut_after={"/capture.zip": [5_000_000]})) as web:
        found = fetch(f"{web.address}/capture.zip", tmp_path, DEFAULT_LIMITS, quiet)
    assert isinstance(found, Path)
    assert found.read_bytes() == web.files["/capture.zip"]


def test_a_server_that_always_breaks_is_given_up(tmp_path: Path) -> None:
    with web_server(site(cut_after={"/capture.zip": [0] * 50})) as web:
        with pytest.raises(ReconstructionError) as error:
            fetch(f"{web.address}/capture.zip", tmp_path, DEFAULT_LIMITS, quiet)
        assert len(web.requested) == download.ATTEMPTS
    assert (error.value.code, error.value.kind.retryable) == ("ArtifactStoreError", True)


def test_complete_files_are_not_fetched_again_by_the_next_attempt(tmp_path: Path) -> None:
    with web_server(site(cut_after={"/capture/p2.jpg": [1000] + [0] * 50})) as web:
        with pytest.raises(ReconstructionError):
            Ingested(tmp_path, None, source={"uri": f"{web.address}/capture/"})
        assert (tmp_path / "workspace" / "ingest" / ".source").is_dir()
        before = dict(web.served)
        web.cut_after.clear()
        result = Ingested(tmp_path, None, source={"uri": f"{web.address}/capture/"})
        assert [image.original.name for image in result.images] == ["p0.jpg", "p1.jpg", "p2.jpg"]
        assert web.served["/capture/p0.jpg"] == before["/capture/p0.jpg"] == len(web.files["/capture/p0.jpg"])
        assert web.served["/capture/p2.jpg"] <= len(web.files["/capture/p2.jpg"]) + 1000
    assert not (result.workspace / "ingest" / ".source").exists()


def test_a_file_that_changed_meanwhile_is_fetched_from_its_beginning(tmp_path: Path) -> None:
    with web_server(site(cut_after={"/capture.zip": [5_000_000] + [0] * 50})) as web:
        with pytest.raises(ReconstructionError):
            fetch(f"{web.address}/capture.zip", tmp_path, DEFAULT_LIMITS, quiet)
        web.cut_after.clear()
        web.files["/capture.zip"] = archive(BIG // 2)
        found = fetch(f"{web.address}/capture.zip", tmp_path, DEFAULT_LIMITS, quiet)
    assert isinstance(found, Path)
    assert found.read_bytes() == web.files["/capture.zip"]


def test_a_stop_ends_a_download_and_keeps_what_is_there(tmp_path: Path) -> None:
    heard: list[str] = []
    with web_server(site()) as web:
        with pytest.raises(Stopped):
            fetch(f"{web.address}/capture.zip", tmp_path, DEFAULT_LIMITS, heard.append, lambda: len(heard) > 0)
        (part,) = tmp_path.glob("*.part")
        done = part.stat().st_size
        assert 0 < done < len(web.files["/capture.zip"])
        web.requested.clear()
        fetch(f"{web.address}/capture.zip", tmp_path, DEFAULT_LIMITS, quiet)
        assert web.requested[0][1].startswith(f"bytes={done}-")


def test_an_address_without_a_suffix_is_judged_by_what_is_there(tmp_path: Path) -> None:
    with web_server(Web({"/download": archive()})) as web:
        assert len(Ingested(tmp_path, None, source={"uri": f"{web.address}/download?id=5"}).images) == 3


def test_names_on_a_web_server_are_those_of_the_files(tmp_path: Path) -> None:
    content = encoded(picture(), "JPEG")
    sums = f"{hashlib.sha256(content).hexdigest()}  photo 1.jpg\n".encode()
    names = {
        "photo%201.jpg": "photo 1.jpg",
        "d%C3%A9j%C3%A0.jpg": "déjà.jpg",
        "caf%E9.jpg": "caf%E9.jpg",
        "a%2F..%2Fp.jpg": "a%2F..%2Fp.jpg",
        "a%5Cp.jpg": "a%5Cp.jpg",
        "p%0A.jpg": "p%0A.jpg",
        "50%25%20off.jpg": "50% off.jpg",
        "SHA256SUMS": "SHA256SUMS",
    }
    files = {f"/my capture/{unquote(name)}": content for name in names} | {"/my capture/SHA256SUMS": sums}
    with web_server(Web({**files, "/my capture/": page(list(names))})) as web:
        source = Source(uri=f"{web.address}/my%20capture/")
        found = gather(source, None, tmp_path, DEFAULT_LIMITS, quiet)
        assert {file.name for file in found} == set(names.values())
        assert {path.parent for path in tmp_path.rglob("*") if path.is_file()} == {tmp_path / "fetched"}
        web.files["/my capture/photo 1.jpg"] = b"changed"
        with pytest.raises(ReconstructionError, match=r"photo 1.jpg is not the file whose checksum"):
            gather(source, None, tmp_path, DEFAULT_LIMITS, quiet)


def test_the_checksum_of_an_archive_is_checked(tmp_path: Path) -> None:
    checksum = hashlib.sha256(archive()).hexdigest()
    with web_server(Web({"/c.zip": archive()})) as web:
        uri = f"{web.address}/c.zip"
        assert len(Ingested(tmp_path / "right", None, source={"uri": uri, "sha256": checksum}).images) == 3
        with pytest.raises(ReconstructionError, match=f"checksum {checksum}; spec.source.sha256 says 0000") as error:
            Ingested(tmp_path / "wrong", None, source={"uri": uri, "sha256": "0" * 64})
    assert error.value.code == "ChecksumMismatch"
    assert not (tmp_path / "wrong" / "workspace" / "ingest" / ".source").exists()


def test_the_checksum_of_a_folder_is_a_mistake(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", 3)
    with pytest.raises(ReconstructionError, match=r"of one file, but 'photos' is a folder") as error:
        Ingested(tmp_path, tmp_path / "photos", source={"uri": "photos", "sha256": "0" * 64})
    assert error.value.code == "InvalidSpec"


def test_photos_are_checked_against_sums_beside_them(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    write_photos(folder, 3)
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  ./{path.name}\n" for path in sorted(folder.iterdir())]
    (folder / "SHA256SUMS").write_text("".join(lines))
    assert len(Ingested(tmp_path / "right", folder).images) == 3
    (folder / "p1.jpg").write_bytes(encoded(picture(9), "JPEG"))
    with pytest.raises(ReconstructionError, match=r"p1.jpg is not the file whose checksum is in SHA256SUMS") as error:
        Ingested(tmp_path / "wrong", folder)
    assert error.value.code == "ChecksumMismatch"
    (folder / "p1.jpg").unlink()
    with pytest.raises(ReconstructionError, match=r"SHA256SUMS lists p1.jpg, which is missing"):
        Ingested(tmp_path / "missing", folder)


def test_sums_that_are_too_large_themselves_are_left_out(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        for name, content in photos().items():
            archive.writestr(name, content)
        archive.writestr("SHA256SUMS", f"{'0' * 64}  p0.jpg\n" * 1000)
    assert len(Ingested(tmp_path, tmp_path / "c.zip", Limits(file_bytes=40_000)).images) == 3


def test_sums_may_be_in_another_folder_than_the_photos(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", 3)
    (tmp_path / "photos" / "sums").mkdir()
    (tmp_path / "photos" / "sums" / "SHA256SUMS").write_text(f"{'0' * 64}  ../p1.jpg\n")
    with pytest.raises(ReconstructionError, match=r"p1.jpg is not the file whose checksum is in sums/SHA256SUMS"):
        Ingested(tmp_path, tmp_path / "photos")


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    objects = {f"captures/statue/{name}": content for name, content in photos().items()}
    with google_storage(objects, damaged={"captures/broken/p0.jpg"}) as address:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", address)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "anon")
        yield objects


def test_a_folder_in_google_storage_is_read(tmp_path: Path, google: dict[str, bytes]) -> None:
    result = Ingested(tmp_path, None, source={"uri": "gs://captures/statue/"})
    assert [image.original.name for image in result.images] == ["p0.jpg", "p1.jpg", "p2.jpg"]


@pytest.mark.parametrize("where", ["folder", "archive", "bucket"])
def test_sums_of_files_that_are_left_out_do_not_matter(tmp_path: Path, google: dict[str, bytes], where: str) -> None:
    files = {**photos(), "cam0/large.tif": bytes(50_000), ".DS_Store": b"x", "cam0/Thumbs.db": b"x", "a/.b/c.jpg": b"x"}
    files["SHA256SUMS"] = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in files).encode()
    limits = Limits(file_bytes=40_000)
    if where == "bucket":
        google |= {f"captures/sums/{name}": content for name, content in files.items()}
        result = Ingested(tmp_path, None, limits, source={"uri": "gs://captures/sums/"})
    elif where == "archive":
        with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        result = Ingested(tmp_path, tmp_path / "c.zip", limits)
    else:
        for name, content in files.items():
            (tmp_path / "c" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "c" / name).write_bytes(content)
        result = Ingested(tmp_path, tmp_path / "c", limits)
    assert (len(result.images), result.dropped) == (3, {"cam0/large.tif": "FileTooLarge"})


@pytest.mark.parametrize("uri", ["gs://captures/nothing/", "gs://no-such-bucket/x/", "gs://captures/nothing.zip"])
def test_what_google_storage_does_not_have_is_not_found(tmp_path: Path, google: dict[str, bytes], uri: str) -> None:
    with pytest.raises(ReconstructionError) as error:
        fetch(uri, tmp_path, DEFAULT_LIMITS, quiet)
    assert error.value.code == "SourceNotFound"


def test_a_file_that_arrives_damaged_is_worth_another_try(tmp_path: Path, google: dict[str, bytes]) -> None:
    google["captures/broken/p0.jpg"] = photos()["p0.jpg"]
    with pytest.raises(ReconstructionError, match=r"p0.jpg arrived damaged") as error:
        fetch("gs://captures/broken/", tmp_path, DEFAULT_LIMITS, quiet)
    assert (error.value.code, error.value.kind.retryable) == ("ArtifactStoreError", True)


@pytest.mark.parametrize("content", ["not json", json.dumps({"type": "service_account", "private_key": "nonsense"})])
def test_a_key_file_that_is_none_is_told(
    tmp_path: Path, google: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.setenv("GOOGLE_CREDENTIALS_JSON", content)
    with pytest.raises(ReconstructionError) as error:
        fetch("gs://captures/statue/", tmp_path, DEFAULT_LIMITS, quiet)
    assert error.value.code == "SourceAccessDenied"


@pytest.fixture
def azure(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with azure_storage({f"captures/statue/{name}": content for name, content in photos().items()}) as address:
        _azure_account(monkeypatch, "devstoreaccount1", address)
        yield


def _azure_account(monkeypatch: pytest.MonkeyPatch, name: str, address: str) -> None:
    key = "bm90IGEgc2VjcmV0"
    monkeypatch.setenv(
        "AZURE_STORAGE_CONNECTION_STRING",
        f"DefaultEndpointsProtocol=http;AccountName={name};AccountKey={key};BlobEndpoint={address};",
    )


def test_a_folder_in_azure_storage_is_read(tmp_path: Path, azure: None) -> None:
    result = Ingested(tmp_path, None, source={"uri": "az://captures/statue/"})
    assert [image.original.name for image in result.images] == ["p0.jpg", "p1.jpg", "p2.jpg"]


@pytest.mark.parametrize("uri", ["az://captures/nothing/", "az://no-such-container/x/", "az://captures/nothing.zip"])
def test_what_azure_storage_does_not_have_is_not_found(tmp_path: Path, azure: None, uri: str) -> None:
    with pytest.raises(ReconstructionError) as error:
        fetch(uri, tmp_path, DEFAULT_LIMITS, quiet)
    assert error.value.code == "SourceNotFound"


def test_an_azure_account_that_may_not_read_is_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with azure_storage({"captures/p0.jpg": b"x"}) as address:
        _azure_account(monkeypatch, "somebodyelse", address)
        with pytest.raises(ReconstructionError) as error:
            fetch("az://captures/", tmp_path, DEFAULT_LIMITS, quiet)
    assert error.value.code == "SourceAccessDenied"


@pytest.fixture(scope="module")
def guarded_bucket() -> Iterator[dict[str, str]]:
    """S3 that checks signatures and rights; yields the environment of somebody who may read bucket `guarded`."""
    with s3_server() as address:
        session = boto3.Session("admin", "admin", region_name="us-east-1")
        storage = session.client("s3", endpoint_url=address)
        storage.create_bucket(Bucket="guarded")
        for name, content in photos().items():
            storage.put_object(Bucket="guarded", Key=f"statue/{name}", Body=content)
        users = session.client("iam", endpoint_url=address)
        users.create_user(UserName="reader")
        rights = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
        users.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=json.dumps(rights))
        key = users.create_access_key(UserName="reader")["AccessKey"]
        users.create_user(UserName="stranger")
        other = users.create_access_key(UserName="stranger")["AccessKey"]
        requests.post(f"{address}/moto-api/reset-auth", data=b"0", timeout=10).raise_for_status()
        yield {
            "AWS_ENDPOINT_URL": address,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
            "stranger": other["AccessKeyId"],
            "stranger's secret": other["SecretAccessKey"],
        }
        requests.post(f"{address}/moto-api/reset-auth", data=b"inf", timeout=10)


def _log_in(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], **changes: str) -> None:
    for name, value in {**environment, **changes}.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)


def test_the_secret_of_the_source_opens_the_bucket(
    tmp_path: Path, guarded_bucket: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _log_in(monkeypatch, guarded_bucket)
    assert len(Ingested(tmp_path, None, source={"uri": "s3://guarded/statue/", "secretName": "s"}).images) == 3


@pytest.mark.parametrize("guarded", [True, False])
def test_files_of_the_secret_open_the_bucket_whatever_the_profile_has_set(
    tmp_path: Path, guarded_bucket: dict[str, str], monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """Neither its account nor its endpoint is mixed with the Secret's, and nothing stays when the photos are there."""
    profile = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "AKIAPROFILE",
        "AWS_SECRET_ACCESS_KEY": "profile",
        "AWS_SESSION_TOKEN": "profile",
        "AWS_PROFILE": "platform",
    }
    for name, value in profile.items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "credentials"
    folder.mkdir()
    for name in (name for name in guarded_bucket if name in CREDENTIALS):  # moto may name the address it listens on
        (folder / name).write_text(guarded_bucket[name].replace("0.0.0.0", "127.0.0.1") + "\n")
    source = Source(uri="s3://guarded/statue/", secret_name="captures-read")
    before = dict(os.environ)
    guard = Guard(NetworkAccess(allow=["127.0.0.1/32"]), "default") if guarded else None
    with nullcontext() if guard is None else guard:
        found = gather(source, None, tmp_path, DEFAULT_LIMITS, quiet, guard=guard, credentials=folder)
    assert [file.name for file in found] == ["p0.jpg", "p1.jpg", "p2.jpg"]
    assert dict(os.environ) == before


@pytest.mark.parametrize("uri", ["s3://guarded/statue/", "s3://guarded/statue.zip"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"AWS_SECRET_ACCESS_KEY": "wrong"},
        {"AWS_ACCESS_KEY_ID": "AKIAUNKNOWN"},
        {"AWS_ACCESS_KEY_ID": "stranger", "AWS_SECRET_ACCESS_KEY": "stranger's secret"},
    ],
    ids=["wrong secret", "unknown key", "no rights"],
)
def test_wrong_credentials_are_access_denied_and_stay_secret(
    tmp_path: Path, guarded_bucket: dict[str, str], monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str], uri: str
) -> None:
    changes = {name: guarded_bucket.get(value, value) for name, value in wrong.items()}
    _log_in(monkeypatch, guarded_bucket, **changes)
    with pytest.raises(ReconstructionError) as error:
        fetch(uri, tmp_path, DEFAULT_LIMITS, quiet)
    assert error.value.code == "SourceAccessDenied"
    assert not any(value in error.value.message for value in changes.values())


def test_an_interrupted_fetch_from_a_bucket_goes_on(
    tmp_path: Path, guarded_bucket: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _log_in(monkeypatch, guarded_bucket)
    heard: list[str] = []
    monkeypatch.setattr("reconstruction_worker.ingest.remote.CONNECTIONS", 1)
    with pytest.raises(Stopped):
        fetch("s3://guarded/statue/", tmp_path, DEFAULT_LIMITS, heard.append, lambda: "fetched 1 of 3 files" in heard)
    complete = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir() if path.suffix != ".part"}
    assert 1 <= len(complete) < 3
    files = fetch("s3://guarded/statue/", tmp_path, DEFAULT_LIMITS, quiet)
    assert isinstance(files, list)
    assert [file.name for file in files] == ["p0.jpg", "p1.jpg", "p2.jpg"]
    assert [file.path.read_bytes() for file in files] == list(photos().values())
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in complete} == complete
