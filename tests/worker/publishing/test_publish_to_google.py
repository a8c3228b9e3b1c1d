"""Stage `publish` on a server of Google Cloud Storage's XML API."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.finished_workspace import FILES, context, followed, results
from reconstruction_api.documents.published import PublishedJob
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.worker import NetworkAccess
from reconstruction_worker import unpublish
from reconstruction_worker.network.guard import Guard
from reconstruction_worker.publishing.opening import Place, opened
from reconstruction_worker.stages import publish

from .bucket import PREFIX
from .google_server import GoogleServer, google_server

DESTINATION = {"uri": "gs://assets/{namespace}/{name}/"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[GoogleServer]:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    with google_server() as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.address)
        yield server


@pytest.fixture
def guard() -> Iterator[Guard]:
    """Of a worker pod, where nothing looks for credentials by itself."""
    with Guard(NetworkAccess(allow=["127.0.0.1/32"]), "default") as guard:
        yield guard


def test_readers_find_every_file_and_a_later_set_takes_the_place_of_the_first(
    server: GoogleServer, guard: Guard, tmp_path: Path
):
    files = {**FILES, "model.obj": random.Random(1).randbytes(9 * 2**20)}
    publish.run(context(results(tmp_path / "first", files), DESTINATION, guard=guard))
    assert followed(server.objects(PREFIX)) == files
    latest = server.kept[f"{PREFIX}latest.json"]
    assert latest.headers == {"Content-Type": "application/json", "Cache-Control": "no-cache"}
    later = context(results(tmp_path / "later", FILES, "2026-11-29T21:00:00Z"), DESTINATION, guard=guard)
    publish.run(later)
    assert followed(server.objects(PREFIX)) == FILES
    assert "(0 sent)" in publish.run(later).message
    with pytest.raises(ReconstructionError, match="newer results"):
        publish.run(context(tmp_path / "first", DESTINATION, guard=guard))


def test_what_was_published_is_removed_and_read(server: GoogleServer, guard: Guard, tmp_path: Path):
    job = context(results(tmp_path), DESTINATION, guard=guard)
    publish.run(job)
    name = next(each for each in server.kept if each.endswith("model.glb"))
    assert job.spec.destination is not None
    with opened(Place(job.spec.destination, f"gs://assets/{PREFIX}", guard=guard)) as store:
        assert b"".join(store.read(name.removeprefix(PREFIX))) == FILES["model.glb"]
        unpublish.remove(store, PublishedJob(namespace="museum", name="statue", uid="uid-1"))
    assert server.objects("") == {}


def test_without_credentials_the_missing_secret_is_named(guard: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ReconstructionError) as caught:
        publish.run(context(results(tmp_path), DESTINATION, guard=guard))
    assert caught.value.code == "DestinationAccessDenied"
    assert "spec.destination.secretName" in caught.value.suggestion
