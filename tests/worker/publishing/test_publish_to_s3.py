"""Stage `publish` on an S3 server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests

from harness.finished_workspace import FILES, MADE, context, followed, results
from reconstruction_api.documents.published import PublishedDocument
from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.stages import publish

from .bucket import PREFIX, Bucket

DESTINATION = {"uri": "s3://assets/{namespace}/{name}/"}


def test_readers_find_every_file_by_way_of_latest_json(bucket: Bucket, tmp_path: Path):
    job = context(results(tmp_path), DESTINATION)
    publish.run(job)
    assert followed(bucket.objects()) == FILES
    document = PublishedDocument.read(job.folder / "published.json")
    assert [file.name for file in document.files] == [*sorted([*FILES, "manifest.json"])]
    assert all(file.uri == f"{document.location}{file.name}" for file in document.files)
    assert document.location == f"s3://assets/museum/statue/{document.set}/"


def test_objects_say_what_they_are_and_how_long_they_may_be_kept(bucket: Bucket, tmp_path: Path):
    publish.run(context(results(tmp_path), DESTINATION))
    keys = {key.rpartition("/")[2]: key for key in bucket.objects()}
    heads = {name: bucket.client.head_object(Bucket="assets", Key=PREFIX + key) for name, key in keys.items()}
    assert {name: (head["ContentType"], head["CacheControl"]) for name, head in heads.items()} == {
        "model.glb": ("model/gltf-binary", "max-age=31536000, immutable"),
        "report.html": ("text/html", "max-age=31536000, immutable"),
        "preview.png": ("image/png", "max-age=31536000, immutable"),
        "manifest.json": ("application/json", "max-age=31536000, immutable"),
        "latest.json": ("application/json", "no-cache"),
    }


def test_what_is_there_already_is_not_sent_again(bucket: Bucket, tmp_path: Path):
    first = publish.run(context(results(tmp_path), DESTINATION))
    again = publish.run(context(tmp_path, DESTINATION))
    assert (first.message.rpartition("(")[2], again.message.rpartition("(")[2]) == ("4 sent)", "0 sent)")


def test_large_files_are_sent_in_parts(bucket: Bucket, tmp_path: Path):
    files = FILES | {"model.obj": bytes(range(256)) * 90_000}
    publish.run(context(results(tmp_path, files), DESTINATION))
    assert followed(bucket.objects()) == files


def test_an_object_that_is_not_the_file_is_replaced(bucket: Bucket, tmp_path: Path):
    publish.run(context(results(tmp_path), DESTINATION))
    key = next(key for key in bucket.objects() if key.endswith("model.glb"))
    bucket.client.put_object(Bucket="assets", Key=PREFIX + key, Body=b"xxxx" * 1000)
    publish.run(context(tmp_path, DESTINATION))
    assert followed(bucket.objects()) == FILES


def test_a_newer_set_is_not_replaced_by_an_older_one(bucket: Bucket, tmp_path: Path):
    newer = {"model.glb": b"newer"}
    publish.run(context(results(tmp_path / "newer", newer, "2026-11-29T21:00:00Z"), DESTINATION))
    with pytest.raises(ReconstructionError) as caught:
        publish.run(context(results(tmp_path / "older", made=MADE), DESTINATION))
    assert caught.value.code == "DestinationConflict"
    assert followed(bucket.objects()) == newer


@pytest.mark.parametrize(
    ("overwrite", "other", "allowed"),
    [
        ("Job", {"uid": "uid-2"}, False),
        ("Name", {"uid": "uid-2"}, True),
        ("Name", {"uid": "uid-2", "name": "vase"}, False),
        ("Anyone", {"uid": "uid-2", "name": "vase"}, True),
    ],
)
def test_the_profile_says_whose_results_may_be_replaced(
    bucket: Bucket, tmp_path: Path, overwrite: str, other: dict[str, str], allowed: bool
):
    shared = {"uri": "s3://assets/shared/"}
    publish.run(context(results(tmp_path / "first"), shared))
    later = results(tmp_path / "second", {"model.glb": b"second"}, "2026-11-29T21:00:00Z")
    second = context(later, shared, delivery={**other, "publishing": {"overwrite": overwrite}})
    if allowed:
        publish.run(second)
        assert followed(bucket.objects("shared/")) == {"model.glb": b"second"}
    else:
        with pytest.raises(ReconstructionError, match="another job"):
            publish.run(second)
        assert followed(bucket.objects("shared/")) == FILES


def test_readers_may_be_led_to_another_address(bucket: Bucket, tmp_path: Path):
    job = context(results(tmp_path), DESTINATION | {"publicBaseURL": "https://cdn.example.org/statue"})
    publish.run(job)
    document = PublishedDocument.read(job.folder / "published.json")
    assert document.files[0].uri == f"https://cdn.example.org/statue/{document.set}/manifest.json"


@pytest.mark.parametrize(
    ("encryption", "kept_as"),
    [
        ({"method": "KMS", "keyName": "museum"}, ("aws:kms", "museum")),
        ({"method": "StorageKey"}, ("AES256", None)),
    ],
    ids=["KMS", "StorageKey"],
)
def test_the_storage_encrypts_as_it_is_asked_to(
    bucket: Bucket, tmp_path: Path, encryption: dict[str, str], kept_as: tuple[str, str | None]
):
    publish.run(context(results(tmp_path), DESTINATION | {"encryption": encryption}))
    for key in bucket.objects():
        head = bucket.client.head_object(Bucket="assets", Key=PREFIX + key)
        assert (head["ServerSideEncryption"], head.get("SSEKMSKeyId")) == kept_as, key


def test_every_request_says_that_the_account_of_the_credentials_pays(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)  # where the server keeps its recording
    recorder = f"{bucket.address}/moto-api/recorder"
    for order in ("reset-recording", "start-recording"):
        requests.post(f"{recorder}/{order}", timeout=10).raise_for_status()
    publish.run(context(results(tmp_path / "workspace"), DESTINATION | {"requesterPays": True}))
    requests.post(f"{recorder}/stop-recording", timeout=10).raise_for_status()
    heard = [json.loads(line) for line in requests.get(f"{recorder}/download-recording", timeout=10).text.splitlines()]
    payers = {each["headers"].get("X-Amz-Request-Payer") for each in heard if "/assets/" in each["url"]}
    assert (len(heard) > len(FILES), payers) == (True, {"requester"})


def test_a_bucket_that_is_not_there_is_named(bucket: Bucket, tmp_path: Path):
    with pytest.raises(ReconstructionError) as caught:
        publish.run(context(results(tmp_path), {"uri": "s3://assts/statue/"}))
    assert (caught.value.code, "s3://assts/statue/" in caught.value.message) == ("DestinationNotFound", True)
