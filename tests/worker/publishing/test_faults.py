"""Stage `publish` where something is amiss with the storage."""

from __future__ import annotations

import errno
import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from harness.finished_workspace import FILES, context, followed, results
from reconstruction_api.errors import CATALOGUE, ReconstructionError
from reconstruction_api.worker import Progress
from reconstruction_worker.publishing import opening
from reconstruction_worker.publishing.stores.folder import FolderStore
from reconstruction_worker.publishing.stores.store import Headers
from reconstruction_worker.stages import publish

from .bucket import Bucket
from .faulty import Fault, answering, cut_after, in_front_of

DESTINATION = {"uri": "s3://assets/{namespace}/{name}/"}
LARGE = FILES | {"model.obj": random.Random(1).randbytes(20 * 2**20)}


def error_of(job: publish.StageContext) -> ReconstructionError:
    with pytest.raises(ReconstructionError) as caught:
        publish.run(job)
    return caught.value


@pytest.mark.parametrize("seed", range(5))
def test_connections_that_are_cut_at_any_byte_are_taken_up(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
):
    chance = random.Random(seed)
    faults: list[Fault | None] = [cut_after(chance.randrange(1, 2 * 2**20)) for _ in range(8)]
    with in_front_of(bucket.address, faults) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        publish.run(context(results(tmp_path, LARGE), DESTINATION))
    assert faults == []
    assert followed(bucket.objects()) == LARGE


def test_a_server_in_trouble_is_asked_again(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    faults: list[Fault | None] = [answering(f"{status} Trouble") for status in (503, 500, 502)]
    with in_front_of(bucket.address, faults) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        publish.run(context(results(tmp_path), DESTINATION))
    assert followed(bucket.objects()) == FILES


def test_a_server_that_stays_in_trouble_is_worth_another_attempt_of_the_job(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(opening._RETRIES, "max_retries", 1)
    monkeypatch.setitem(opening._RETRIES, "retry_timeout", timedelta(seconds=2))
    with in_front_of(bucket.address, [answering("503 Slow Down")] * 1000) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        error = error_of(context(results(tmp_path), DESTINATION))
    assert (error.code, CATALOGUE[error.code].retryable) == ("ArtifactStoreError", True)
    assert "latest.json" not in bucket.objects()


def test_wrong_credentials_are_named_without_their_values(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    requests.post(f"{bucket.address}/moto-api/reset-auth", data=b"0", timeout=10).raise_for_status()
    try:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret-value")
        error = error_of(context(results(tmp_path), DESTINATION))
    finally:
        requests.post(f"{bucket.address}/moto-api/reset-auth", data=b"inf", timeout=10)
    assert (error.code, CATALOGUE[error.code].retryable) == ("DestinationAccessDenied", False)
    assert "wrong-secret-value" not in f"{error.message}{error.suggestion}{error.details}"


def test_a_bucket_that_vanishes_meanwhile_is_named(bucket: Bucket, tmp_path: Path):
    def vanish(progress: Progress) -> None:
        if "report.html" in progress.message:
            for key in bucket.objects(""):
                bucket.client.delete_object(Bucket="assets", Key=key)
            bucket.client.delete_bucket(Bucket="assets")

    error = error_of(replace(context(results(tmp_path), DESTINATION), report=vanish))
    assert (error.code, "s3://assets/museum/statue/" in error.message) == ("DestinationNotFound", True)


def test_a_full_volume_is_told_from_a_full_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(FolderStore, "send", full)
    claim = {"persistentVolumeClaim": {"claimName": "results", "path": "{name}"}}
    delivery = {"folder": str(tmp_path / "claim")}
    error = error_of(context(results(tmp_path / "workspace"), claim, delivery=delivery))
    assert (error.code, "no space is left there" in error.message) == ("ArtifactStoreError", True)
    assert not (tmp_path / "claim" / "statue" / "latest.json").exists()


def test_another_volume_gets_the_same_files(tmp_path: Path):
    claim = {"persistentVolumeClaim": {"claimName": "results", "path": "{namespace}/{name}"}}
    job = context(results(tmp_path / "workspace"), claim, delivery={"folder": str(tmp_path / "claim")})
    publish.run(job)
    root = tmp_path / "claim" / "museum" / "statue"
    found = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert followed(found) == FILES
    document = publish.PublishedDocument.read(job.folder / "published.json")
    assert document.location == f"pvc://results/museum/statue/{document.set}/"


def test_a_volume_that_keeps_something_else_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def damaging(store: FolderStore, path: str, parts: Iterable[bytes], size: int, headers: Headers) -> None:
        store.write(path, b"\0" * size, headers, instead_of=store.find(path))
        list(parts)

    monkeypatch.setattr(FolderStore, "send", damaging)
    claim = {"persistentVolumeClaim": {"claimName": "results"}}
    error = error_of(context(results(tmp_path / "workspace"), claim, delivery={"folder": str(tmp_path / "claim")}))
    assert (error.code, "its checksum differs" in error.message) == ("ArtifactStoreError", True)


def test_a_link_on_the_volume_leads_nowhere_else(tmp_path: Path):
    claim = {"persistentVolumeClaim": {"claimName": "results"}}
    (tmp_path / "claim").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "claim" / "latest.json").symlink_to(tmp_path / "elsewhere" / "latest.json")
    error = error_of(context(results(tmp_path / "workspace"), claim, delivery={"folder": str(tmp_path / "claim")}))
    assert error.code == "DestinationAccessDenied"
    assert list((tmp_path / "elsewhere").iterdir()) == []
